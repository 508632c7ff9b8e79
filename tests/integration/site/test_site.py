# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole of site on the whole lab: predicted, done, done again, audited, drifted, given back.

The tests are the steps of one story and build on each other, because rolling a hundred nodes takes minutes.
"""

from __future__ import annotations

import typing as t
import xml.etree.ElementTree as ElementTree

import pytest

from . import lab_state
from .conftest import Play, Played

pytestmark = pytest.mark.lab

SITE, VERIFY, ROLLBACK = "site.yml", "playbooks/verify.yml", "playbooks/rollback.yml"
ROLES = ("ceph_network", "ceph_pools", "ceph_metrics", "cnv_migration", "ocp_kubelet", "ocp_rollout")
OTHER_FILE = "/etc/sysctl.d/99.99-drift.conf"


@pytest.fixture(scope="module")
def before(play: Play) -> lab_state.State:
    """The lab as site finds it: given back first, where an earlier run has left it tuned."""
    rollback = play(ROLLBACK)
    assert rollback.status == 0, rollback.output[-4000:]
    return lab_state.whole()


@pytest.fixture(scope="module")
def predicted(play: Play, before: lab_state.State) -> Played:
    """A preview, and nothing but that."""
    return play(SITE, "--check", "--diff")


@pytest.fixture(scope="module")
def tuned(play: Play, predicted: Played) -> Played:
    """The run that does it, with the one rollout of this story."""
    return play(SITE)


@pytest.fixture(scope="module")
def again(play: Play, tuned: Played) -> Played:
    """The same once more."""
    return play(SITE)


@pytest.fixture(scope="module")
def audited(play: Play, again: Played) -> Played:
    """An audit of a lab that is tuned."""
    return play(VERIFY)


def test_a_preview_changes_nothing(before: lab_state.State, predicted: Played) -> None:
    assert predicted.status == 0, predicted.output[-4000:]
    assert lab_state.whole() == before


def test_a_preview_shows_what_differs_and_who_is_disrupted(predicted: Played) -> None:
    assert "net.core.rmem_max" in predicted.output
    assert {line.role for line in predicted.view.lines() if line.status == "would_change"} == set(ROLES)


def test_site_comes_through(tuned: Played) -> None:
    assert tuned.status == 0, tuned.output[-4000:]
    assert lab_state.paused_pools() == []


def test_what_was_predicted_is_what_happened(predicted: Played, tuned: Played) -> None:
    assert _happened(tuned) == _expected(predicted)


def _expected(preview: Played) -> dict[tuple[str, str, str], tuple[t.Any, ...]]:
    return {key: (line.before, line.wanted, line.status) for key, line in preview.lines.items()}


def _happened(played: Played) -> dict[tuple[str, str, str], tuple[t.Any, ...]]:
    as_preview = {"changed": "would_change"}
    return {
        key: (line.before, line.wanted, as_preview.get(line.status, line.status)) for key, line in played.lines.items()
    }


def test_everything_that_was_set_was_read_back(tuned: Played) -> None:
    changed = [line for line in tuned.view.lines() if line.status == "changed"]
    assert changed
    assert [line for line in changed if line.effective is None] == []


def test_every_node_takes_more_pods(tuned: Played) -> None:
    nodes = lab_state.kubernetes()["Node"]
    assert {node["pods"] for name, node in nodes.items() if name.startswith("worker")} == {"500"}


def test_the_page_and_the_summary_are_there(tuned: Played) -> None:
    assert f"Page: {tuned.path / 'report.html'}" in tuned.output
    page = (tuned.path / "report.html").read_text(encoding="utf-8")
    assert all(f'id="{role}"' in page for role in ROLES)


def test_a_second_run_changes_nothing(again: Played) -> None:
    assert again.status == 0, again.output[-4000:]
    assert again.changed() == {}
    assert [line for line in again.view.lines() if line.status not in ("ok", "note")] == []


def test_an_audit_of_what_site_made_is_clean(audited: Played) -> None:
    assert audited.status == 0, audited.output[-4000:]
    assert audited.changed() == {}
    suites = ElementTree.parse(audited.path / "audit.xml").getroot()
    assert {suite.get("name") for suite in suites} == set(ROLES)
    assert sum(int(suite.get("failures", "1")) for suite in suites) == 0


@pytest.fixture
def drifted(again: Played) -> t.Iterator[None]:
    """One value changed by hand on a host, one in Ceph, one in the API."""
    by_hand = "net.core.wmem_default=1048576"
    lab_state.on_hosts("ceph05", f"echo {by_hand} > {OTHER_FILE}; sysctl -w {by_hand}")
    pool = next(line.where for line in again.view.lines() if line.what == "pg_autoscale_mode").removeprefix("pool ")
    # Not "on": within seconds the autoscaler would merge PGs, and nothing gives them back at once.
    lab_state.ceph_command("osd", "pool", "set", pool, "pg_autoscale_mode", "warn")
    hyperconverged = lab_state.Resource("hco.kubevirt.io/v1beta1", "hyperconvergeds")
    [item] = lab_state.client().list(hyperconverged).items
    names = item["metadata"]["name"], item["metadata"]["namespace"]
    kept = item["spec"]["liveMigrationConfig"]["parallelMigrationsPerCluster"]
    _patch_migrations(hyperconverged, *names, 5)
    yield
    _patch_migrations(hyperconverged, *names, kept)
    lab_state.ceph_command("osd", "pool", "set", pool, "pg_autoscale_mode", "off")
    lab_state.on_hosts("ceph05", f"rm {OTHER_FILE}; sysctl -w net.core.wmem_default=2097152")


def _patch_migrations(resource: lab_state.Resource, name: str, namespace: str, limit: int) -> None:
    patch = {"spec": {"liveMigrationConfig": {"parallelMigrationsPerCluster": limit}}}
    lab_state.client().merge_patch(resource, name, patch, field_manager="by-hand", namespace=namespace)


def test_an_audit_finds_what_was_changed_by_hand(play: Play, drifted: None) -> None:
    audit = play(VERIFY)
    assert audit.status != 0
    found = {(line.where, line.role): line for line in audit.view.lines() if line.status not in ("ok", "note")}
    assert ("ceph05", "ceph_network") in found
    assert OTHER_FILE in found["ceph05", "ceph_network"].why
    assert {role for _where, role in found} == {"ceph_network", "ceph_pools", "cnv_migration"}
    assert OTHER_FILE in audit.output


@pytest.mark.parametrize("role", ROLES)
def test_each_role_runs_by_its_tag_alone(play: Play, again: Played, role: str) -> None:
    alone = play(SITE, "--tags", role)
    assert alone.status == 0, alone.output[-4000:]
    assert alone.changed() == {}
    rolled = {"cnv_migration", "ocp_kubelet"} & {role}
    assert {view.name for view in alone.view.roles} == {role} | ({"ocp_rollout"} if rolled else set())


def test_an_unreachable_host_fails_alone(play: Play, again: Played) -> None:
    # 192.0.2.0/24 is nobody's (RFC 5737).
    run = play(SITE, "--tags", "ceph_network", "--limit", "ceph0*", "--timeout", "5", *_elsewhere("ceph03"))
    assert run.status != 0
    states = {line.where: line.status for line in run.view.lines() if line.status not in ("ok", "note")}
    assert states == {"ceph03": "failed"}
    assert "unreachable" in run.output
    assert {f"ceph0{number}" for number in (1, 2, 4, 5, 6, 7, 8, 9)} <= {line.where for line in run.view.lines()}


def _elsewhere(host: str) -> tuple[str, ...]:
    inventory = f"{host} ansible_host=192.0.2.1\n[ceph_hosts]\n{host}\n"
    path = lab_state.LAB / f"unreachable-{host}.ini"
    path.write_text(inventory, encoding="utf-8")
    return ("-i", "inventory/lab", "-i", str(path))


def test_a_part_that_fails_does_not_keep_the_others_from_running(play: Play, again: Played) -> None:
    run = play(SITE, "--tags", "ceph_pools,ceph_metrics", "-e", '{"ceph_pools_rounding": "nonsense"}')
    assert run.status != 0
    by_role = {role.name: role.counts() for role in run.view.roles}
    assert by_role["ceph_pools"]["failed"] >= 1
    assert by_role["ceph_metrics"]["failed"] == 0
    assert by_role["ceph_metrics"]["ok"] >= 1
    assert (run.path / "report.html").exists()


@pytest.fixture(scope="module")
def way_back(play: Play, again: Played) -> Played:
    """A preview of the way back."""
    return play(ROLLBACK, "--check", "--diff")


@pytest.fixture(scope="module")
def given_back(play: Play, way_back: Played) -> Played:
    """The way back, with the rollout that it causes."""
    return play(ROLLBACK)


def test_a_preview_of_the_way_back_changes_nothing(play: Play, tuned: Played, way_back: Played) -> None:
    assert way_back.status == 0, way_back.output[-4000:]
    audited = play(VERIFY)
    assert audited.status == 0, audited.output[-4000:]


def test_the_way_back_is_what_was_predicted(way_back: Played, given_back: Played) -> None:
    assert _happened(given_back) == _expected(way_back)


def test_rollback_gives_back_what_was_there_before(before: lab_state.State, given_back: Played) -> None:
    assert given_back.status == 0, given_back.output[-4000:]
    assert lab_state.paused_pools() == []
    after = lab_state.whole()
    assert after["hosts"] == before["hosts"]
    assert after["kubernetes"] == before["kubernetes"]
    assert after["ceph"]["options"] == before["ceph"]["options"]
    assert after["ceph"]["own keys"] == before["ceph"]["own keys"]
    # A mode is given back only where the autoscaler would change nothing; else it becomes "warn".
    modes = before["ceph"]["autoscale"]
    assert {pool: mode for pool, mode in after["ceph"]["autoscale"].items() if mode not in (modes[pool], "warn")} == {}
