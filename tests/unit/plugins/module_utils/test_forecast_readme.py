# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The README's numbers of the forecast are the model's, and the model is near what was measured on the lab."""

from __future__ import annotations

import functools
import importlib.machinery
import importlib.util
import json
import types
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast import path
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.advice import advise
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.forecast import Forecast, forecast
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.scenario import SEED_LIMITS, SEED_MIGRATION_S
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.forecast_scenarios import reference

CHECKOUT = Path(__file__).resolve().parents[4]
README = CHECKOUT / "README.md"
PAPER_MIGRATING_MIN, PAPER_WAITING_MIN, ROUNDS = 118, 35, 4
REBOOT_S = PAPER_WAITING_MIN * 60 / ROUNDS
DAEMON = {"drain_by": "daemon", "reboot_s": REBOOT_S}
CROWDED = "4 of 20 nodes, 4 at once, 80 VMs, 20 and 4"
ADVISED = ("maxUnavailable", "parallelMigrationsPerCluster", "drain workers", "pods that a drain evicts")


def text() -> str:
    # As it reads, wherever its lines break.
    return " ".join(README.read_text().split())


def row(title: str, found: Forecast) -> str:
    """Return a line of the table: whole minutes that add up."""

    def minutes(*headings: str) -> int:
        return round(sum(found.waits_s.get(heading, 0) for heading in headings) / 60)

    total = round(found.total_s / 60)
    parts = [
        minutes(path.REBOOT),
        minutes(path.CLUSTER_SLOT, path.NODE_SLOT),
        minutes(path.REQUESTS),
        minutes(path.WORKERS),
    ]
    return f"| {title} | {' | '.join(map(str, [total, *parts, total - sum(parts)]))} |"


def rest_min(found: Forecast) -> str:
    return f"{(found.total_s - found.waits_s[path.REBOOT]) / 60:.0f}"


@functools.lru_cache(maxsize=1)
def expected() -> dict[str, str]:
    """Return what the README must say."""
    paper = forecast(reference(**DAEMON))
    unlimited = forecast(reference(**DAEMON, limits=(5, 2)))
    today = forecast(reference(reboot_s=REBOOT_S))
    rows = [
        row("each node's daemon drains, as in OpenShift 4.9", paper),
        row("the same with KubeVirt's own limits, 5 and 2", unlimited),
        row("today's drain controller", today),
    ]
    mean_s = (
        sum(SEED_MIGRATION_S[system] * share for system, share in (("rhel", 4), ("fedora", 4), ("windows", 2))) / 10
    )
    return {
        "paper": "\n".join(rows),
        "explained": rest_min(paper),
        "explained_default": rest_min(unlimited),
        "concurrency": f"{1000 * mean_s / (PAPER_MIGRATING_MIN * 60):.1f}",
        "advice": "\n".join(f"* {one}" for one in advise(today) if one.change.what in ADVISED),
        "virt_api": "\n".join(f"* {one}" for one in advise(crowded()) if one.change.what == "replicas of virt-api"),
        "errors": "\n".join(map(error_program().row, runs())),
    }


def crowded() -> Forecast:
    """Return the forecast of the run that virt-api held up."""
    program = error_program()
    [run] = [run for run in runs() if run["name"] == CROWDED]
    return forecast(program.scenario(run))


def runs() -> list[dict]:
    return json.loads((CHECKOUT / "tests" / "bench" / "forecast_runs.json").read_text())


@functools.lru_cache(maxsize=1)
def error_program() -> types.ModuleType:
    loader = importlib.machinery.SourceFileLoader(
        "forecast_error", str(CHECKOUT / "tests" / "bench" / "forecast_error")
    )
    spec = importlib.util.spec_from_loader("forecast_error", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.mark.parametrize("key", ["paper", "advice", "virt_api", "errors"])
def test_the_readme_shows_the_models_own_numbers(key: str) -> None:
    for line in expected()[key].splitlines():
        assert " ".join(line.split()) in text()


def test_the_readme_says_what_of_the_paper_the_model_explains() -> None:
    told = expected()
    assert f"it explains {told['explained']} with the limits of {SEED_LIMITS.per_cluster} and " in text()
    assert f"and {told['explained_default']} if KubeVirt's defaults had stayed in effect" in text()
    assert f"at the measured means, {told['concurrency']} at a time, where 20 were allowed" in text()
    assert f"four rounds of reboots of {REBOOT_S // 60:.0f} min {REBOOT_S % 60:.0f} s" in text()


def test_the_paper_is_not_explained_by_its_own_numbers_alone() -> None:
    # Should a change of the model close the gap, the README's story has to be told anew.
    found = forecast(reference(**DAEMON))
    assert found.total_s / 60 < (PAPER_MIGRATING_MIN + PAPER_WAITING_MIN) / 2
    assert found.waits_s[path.REBOOT] / 60 == pytest.approx(PAPER_WAITING_MIN, abs=0.1)


def test_the_readme_names_each_run_that_was_missed() -> None:
    program = error_program()
    missed = [run["name"] for run in runs() if not run.get("tuned_on") and abs(program.error(run)) > program.ALLOWED]
    assert [name for name in missed if f"Outside the aim of 10 %: {name}" not in text()] == []


def test_a_forecast_that_was_made_before_is_still_the_models() -> None:
    # Else the table tells of another model: measure again.
    program = error_program()
    for run in runs():
        if "forecast_s" in run:
            now_s, _range = program.modelled(json.dumps(run))
            shortest, longest = run["range_s"]
            # The facts tell more of the nodes than the scenario does.
            assert 0.93 * shortest <= now_s <= 1.07 * longest, run["name"]
