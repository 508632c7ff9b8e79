# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._record import Run, host_entry
from ansible_collections.virtscale.tuning.plugins.module_utils._report.groups import all_variants
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import Line, view_run
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import row
from recorded_runs import HOSTS, KEYS, reference_run


def _only_line(run: Run) -> Line:
    lines = view_run(run).lines()
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ({"plan": "would_change", "apply": "changed"}, "changed"),
        ({"plan": "pending", "apply": "changed", "verify": "ok"}, "changed"),
        ({"apply": "changed", "verify": "overridden"}, "overridden"),
        ({"apply": "ok", "verify": "failed"}, "failed"),
        ({"apply": "failed", "verify": "ok"}, "failed"),
        ({"plan": "refused"}, "refused"),
    ],
)
def test_how_a_value_ended(tmp_path: Path, statuses: dict[str, str], expected: str) -> None:
    run = Run(tmp_path, "r")
    run.begin(check_mode=False)
    for step, status in statuses.items():
        run.add("ceph_pools", step, {"admin": host_entry(rows=[row("pool vms", "pg_num", status=status)])})
    assert _only_line(run).status == expected


def test_the_value_before_is_the_first_one_and_the_effective_one_the_last(tmp_path: Path) -> None:
    run = Run(tmp_path, "r")
    run.begin(check_mode=False)
    planned = row("pool vms", "pg_num", before=32, wanted=256, status="would_change", why="the plan")
    applied = row("pool vms", "pg_num", wanted=256, effective=32, status="changed")
    read_back = row("pool vms", "pg_num", before=256, wanted=256, effective=256, status="ok")
    for step, line in (("plan", planned), ("apply", applied), ("verify", read_back)):
        run.add("ceph_pools", step, {"admin": host_entry(rows=[line])})
    line = _only_line(run)
    assert (line.before, line.wanted, line.effective, line.why) == ("32", "256", "256", "the plan")


def test_what_was_not_set_before_stays_so_when_it_is_read_back(tmp_path: Path) -> None:
    run = Run(tmp_path, "r")
    run.begin(check_mode=False)
    set_now = row("mgr", "mgr/prometheus/scrape_interval", wanted=60, effective=60, status="changed")
    read_back = row("mgr", "mgr/prometheus/scrape_interval", before=60, wanted=60, effective=60, status="ok")
    for step, line in (("apply", set_now), ("verify", read_back)):
        run.add("ceph_metrics", step, {"admin": host_entry(rows=[line])})
    assert _only_line(run).before is None


def test_a_host_that_says_nothing_of_its_trouble_gets_a_line(tmp_path: Path) -> None:
    run = Run(tmp_path, "r")
    run.begin(check_mode=False)
    run.add("ceph_network", "measure", {"ceph23": host_entry(state="unreachable", message="no route")})
    line = _only_line(run)
    assert (line.where, line.status, line.why) == ("ceph23", "failed", "unreachable: no route")
    assert view_run(run).in_trouble()


def test_the_reference_run_is_told_whole(tmp_path: Path) -> None:
    view = view_run(reference_run(tmp_path))
    assert [role.name for role in view.roles] == [
        *("ceph_network", "ceph_pools", "ceph_metrics", "ocp_kubelet", "ocp_rollout")
    ]
    network = view.roles[0]
    assert network.hosts() == HOSTS
    assert network.counts()["changed"] == 48 * (len(KEYS) - 2) - 2
    assert [line.status for line in view.attention()] == ["failed", "refused", "overridden"]


def test_equal_hosts_are_one_variant_and_exceptions_stand_before_them(tmp_path: Path) -> None:
    network = view_run(reference_run(tmp_path)).roles[0]
    told = [
        (variant.status, variant.where) for variant in all_variants(network.lines) if variant.what.endswith("rmem_max")
    ]
    assert told == [
        ("overridden", "guest01"),
        ("changed", "ceph[01:04], ceph[06:22], ceph[24:47], guest02"),
        ("ok", "ceph05"),
    ]


def test_values_that_differ_everywhere_are_told_by_their_extremes() -> None:
    lines = [
        Line("r", f"h{number}", f"h{number}", "budget", str(number), "1000", "1000", "changed", f"it was {number}")
        for number in range(300, 320)
    ]
    (variant,) = all_variants(lines)
    assert variant.value("before") == "300 to 319, 20 values"
    assert variant.value("wanted") == "1000"
    assert variant.why() == "it was 300 (and 19 more alike)"
