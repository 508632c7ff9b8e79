# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole run over clusters that follow one after the other, with companions, on a clock of its own."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout import run as rollout_run
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.cluster import ClusterView
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import Pool, Snapshot
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.request import (
    ROLLOUT_SPEC,
    Request,
    parse_request,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.run import Outcome, Rollout
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.state import Limits, Phase
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.rollout_cluster import (
    NEW,
    SOURCES,
    WORKER_CONFIG,
    node,
    pool,
    snapshot,
)

DRAINING: dict[str, t.Any] = {"desired": NEW, "state": "Working", "drain": ("drain-new", ""), "cordoned": True}
REBOOTING: dict[str, t.Any] = {**DRAINING, "drain": ("drain-new", "drain-new"), "ready": False}
DONE: dict[str, t.Any] = {"config": NEW, "drain": ("uncordon-new", "uncordon-new")}


def cluster(first: t.Mapping[str, t.Any], second: t.Mapping[str, t.Any], **change: t.Any) -> Snapshot:
    """Return a pool of two nodes, or with ``other`` a second pool with the same two steps."""
    names = ["zone-0", "zone-1"] if change.pop("both", False) else ["zone-0"]
    nodes = [
        node(f"{letter}{index}", name, **step)
        for letter, name in zip("ab", names)
        for index, step in enumerate((first, second))
    ]
    updated = sum(step is DONE for step in (first, second))
    settings = {"sources": SOURCES[:1], "counts": (2, updated, updated, 2 - updated), **change}
    return snapshot(nodes, [pool(name, **settings) for name in names], [], [WORKER_CONFIG], rendered="maxPods: 250")


HELD: dict[str, t.Any] = {"paused": True, "marked": True}
STORY = [
    (0.0, cluster({}, {}, **HELD)),
    (10.0, cluster(DRAINING, {})),
    (40.0, cluster(REBOOTING, {})),
    (60.0, cluster(DONE, DRAINING)),
    (90.0, cluster(DONE, REBOOTING)),
    (120.0, cluster(DONE, DONE)),
]


class View:
    """A cluster that goes through its story as time goes by; nothing happens before the pool is released."""

    def __init__(self, story: t.Sequence[tuple[float, Snapshot]] | None = None) -> None:
        self.time = 0.0
        self.released: list[str] = []
        self.stopped = False
        self.unreachable: str | None = None
        self._story = STORY if story is None else story
        self._since = 0.0

    def now(self) -> Snapshot:
        held = self._story[0][1].pools["zone-0"].paused and not self.released
        passed = 0.0 if held else self.time - self._since
        return [seen for at, seen in self._story if at <= passed][-1]

    fresh = now

    def release(self, pool: Pool) -> bool:
        self.released.append(pool.name)
        self._since = self.time - self._story[1][0]
        return True

    def follow(self) -> None:
        """Nothing to begin."""

    def wait(self, seen: int, timeout_s: float) -> int:
        self.time += timeout_s
        return seen + 1

    def stop(self) -> None:
        self.stopped = True


class Rider:
    """A companion that does what the test says."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.refusals = 0
        self.followed = 0
        self.stopped = 0
        self.seen: list[tuple[float, tuple[str, ...]]] = []
        self.say: t.Callable[[str], str] = lambda pool: ""
        self.hindrance: t.Callable[[float], str | None] = lambda now: None
        self.rest: t.Callable[[float], str | None] = lambda now: None
        self.before: t.Callable[[float], str | None] = lambda now: None
        self.moved: t.Callable[[float], object] = lambda now: None

    def follow(self) -> None:
        self.followed += 1
        if self.followed <= self.refusals:
            raise KubeError("The API starts.", 503)

    def observe(self, snapshot: Snapshot, pools: t.Collection[str], now: float) -> None:
        self.seen.append((now, tuple(pools)))

    def words(self, pool: str) -> str:
        return self.say(pool)

    def progress(self) -> object:
        return self.moved(self.view.time)

    def obstacle(self) -> str | None:
        return self.hindrance(self.view.time)

    def lagging(self) -> str | None:
        return self.rest(self.view.time)

    def holding(self) -> str | None:
        return self.before(self.view.time)

    def stop(self) -> None:
        self.stopped += 1


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout_run.time, "sleep", lambda seconds: None)


def run(view: View, *riders: Rider, **change: t.Any) -> tuple[Outcome, list[str]]:
    said: list[str] = []
    request = Request(**{"pools": ["zone-0"], "limits": Limits(max_disrupted_share=1.0), **change})
    rollout = Rollout(t.cast(ClusterView, view), request, said.append, clock=lambda: view.time, companions=riders)
    return rollout.run(), said


def test_a_held_pool_is_released_and_followed_to_its_end() -> None:
    view = View()
    outcome, said = run(view)
    assert (outcome.failure, view.released, view.stopped) == (None, ["zone-0"], True)
    assert [verdict.phase for verdict in outcome.verdicts] == [Phase.UPDATED]
    times = outcome.pools["zone-0"].nodes["a0"]
    assert (times.as_result()["drain_s"], times.as_result()["reboot_s"]) == (30.0, 20.0)
    assert said[1].startswith("pool zone-0: released, 2 nodes in 2 waves of 1")
    assert said[-1].startswith("pool zone-0: done, 2 nodes in 2 min, at most 1 out of service at once")


def test_a_companion_rides_along_from_before_the_start_to_the_end() -> None:
    view = View()
    rider = Rider(view)
    rider.refusals = 2
    rider.say = lambda pool: f"7 machines of {pool} moved" if view.time > 30 else ""
    outcome, said = run(view, rider)
    assert (outcome.failure, rider.followed, rider.stopped) == (None, 3, 1)
    assert {pools for _now, pools in rider.seen} == {("zone-0",)}
    lines = [line for line in said if " updated, " in line]
    assert not any("machines" in line for line in lines[:2])
    assert lines[-1].endswith(" left; 7 machines of zone-0 moved")


def test_a_line_comes_soon_when_a_companion_begins_to_say_something() -> None:
    view = View([(0.0, cluster(DRAINING, {})), (100.0, cluster(DONE, DONE))])
    rider = Rider(view)
    rider.say = lambda pool: "blocked" if view.time >= 20 else ""
    shown: list[float] = []
    request = Request(pools=["zone-0"])

    def say(line: str) -> None:
        if " updated, " in line:
            shown.append(view.time)

    Rollout(t.cast(ClusterView, view), request, say, clock=lambda: view.time, companions=[rider]).run()
    assert shown[:4] == [0, 15, 20, 35]


def test_what_a_companion_cannot_bear_ends_the_run_at_once() -> None:
    view = View()
    rider = Rider(view)
    rider.hindrance = lambda now: "Node a0 is blocked by pod x." if now >= 45 else None
    outcome, _said = run(view, rider)
    assert (outcome.failure, view.time) == ("Node a0 is blocked by pod x.", 45)
    assert (view.stopped, rider.stopped) == (True, 1)


def test_nothing_is_released_against_a_companion() -> None:
    view = View()
    rider = Rider(view)
    rider.hindrance = lambda now: "The playbook is gone."
    outcome, _said = run(view, rider)
    assert (outcome.failure, view.released) == (
        "The playbook is gone. Still paused by this collection, for the next run: zone-0.",
        [],
    )


def test_a_held_pool_waits_for_what_a_companion_says() -> None:
    view = View()
    rider = Rider(view)
    released_at: list[float] = []
    rider.before = lambda now: "the control plane" if now < 100 else None
    rider.moved = lambda now: released_at.append(now) if view.released and not released_at else None
    outcome, said = run(view, rider, announced=False)
    assert (outcome.failure, view.released) == (None, ["zone-0"])
    assert released_at[0] >= 100
    assert said[0] == "waits for the control plane"


def test_what_a_held_pool_waited_for_in_vain_is_told() -> None:
    view = View()
    rider = Rider(view)
    rider.before = lambda now: "4.9.23, held up by network"
    outcome, _said = run(view, rider, stall_s=60.0)
    assert str(outcome.failure).startswith("Nothing moved for stall_s = 60 s: 4.9.23, held up by network.")


def test_what_lags_behind_the_pools_is_waited_for() -> None:
    view = View()
    rider = Rider(view)
    rider.rest = lambda now: "3 migrations to end" if now < 300 else None
    outcome, said = run(view, rider)
    assert (outcome.failure, view.time) == (None, 300)
    assert "waits for 3 migrations to end" in said


def test_a_failure_of_a_pool_does_not_wait_for_what_lags() -> None:
    degraded = cluster({"desired": NEW, "state": "Degraded"}, {}, conditions={"NodeDegraded": ("True", "disk full")})
    view = View([(0.0, degraded)])
    rider = Rider(view)
    rider.rest = lambda now: "3 migrations to end"
    outcome, _said = run(view, rider)
    assert outcome.failure == "Pool zone-0: NodeDegraded: disk full."


@pytest.mark.parametrize(("every_s", "fails_at"), [(40, 341), (None, 101)])
def test_movement_that_only_a_companion_sees_counts(every_s: int | None, fails_at: float) -> None:
    view = View([(0.0, cluster(DRAINING, {}))])
    rider = Rider(view)
    if every_s:
        rider.moved = lambda now: min(now, 240) // every_s
    outcome, _said = run(view, rider, stall_s=100)
    assert view.time == fails_at
    assert outcome.failure is not None
    assert outcome.failure.startswith("Nothing moved for stall_s = 100 s: pool zone-0: a0 waits for its drain")


def test_companions_are_stopped_when_the_api_is_lost() -> None:
    view = View()
    rider = Rider(view)
    rider.refusals = 10**6

    def refuse() -> None:
        view.time += 10
        raise KubeError("Forbidden.", 403)

    rider.follow = refuse  # type: ignore[method-assign]
    with pytest.raises(KubeError):
        run(view, rider)
    assert (rider.stopped, view.stopped) == (1, True)


def test_pools_that_roll_together_have_aligned_lines_that_do_not_run_away() -> None:
    story = [(float(at), cluster(DRAINING if at % 2 else REBOOTING, {}, both=True)) for at in range(60)] + [
        (60.0, cluster(DONE, DONE, both=True))
    ]
    view = View(story)
    shown: list[tuple[float, str]] = []
    request = Request(pools=["zone-0", "zone-1"], limits=Limits(False, 1.0))
    Rollout(
        t.cast(ClusterView, view), request, lambda line: shown.append((view.time, line)), clock=lambda: view.time
    ).run()
    lines = [(at, line) for at, line in shown if " updated, " in line]
    assert {line.split(" ")[1] for _at, line in lines} == {"zone-0:", "zone-1:"}
    assert len(lines) <= 2 * 60 / 4 + 2


def test_the_names_of_pools_are_padded_to_one_width() -> None:
    nodes = [node("a", "zone-0", **DRAINING), node("b", "long-zone", **DRAINING)]
    settings: dict[str, t.Any] = {"sources": SOURCES[:1], "counts": (1, 0, 0, 1)}
    both = snapshot(
        nodes, [pool("zone-0", **settings), pool("long-zone", **settings)], [], [WORKER_CONFIG], "maxPods: 250"
    )
    view = View([(0.0, both)])
    _outcome, said = run(view, pools=["zone-0", "long-zone"], timeout_s=3)
    assert [line.split("0/1")[0] for line in said if " updated, " in line] == ["pool zone-0:    ", "pool long-zone: "]


DEFAULTS = {name: option["default"] for name, option in ROLLOUT_SPEC.items() if "default" in option}


def test_the_defaults_are_a_valid_request() -> None:
    request = parse_request(DEFAULTS)
    assert (request.drain_limit_s, request.reboot_limit_s, request.stall_s) == (1800, 1800, 3600)
    assert (request.limits, request.pools) == (Limits(True, 0.1), [])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"reboot_limit_s": 300}, "reboot_limit_s is 300, but must be above reboot_s = 300."),
        ({"reboot_s": "2000"}, "reboot_limit_s is 1800.0, but must be above reboot_s = 2000."),
        ({"drain_limit_s": -1}, "drain_limit_s is -1"),
        ({"max_disrupted_share": 0}, "max_disrupted_share is 0"),
        ({"stall_s": "soon"}, "stall_s is 'soon'"),
    ],
)
def test_a_request_that_makes_no_sense_is_one_sentence(change: dict[str, t.Any], says: str) -> None:
    with pytest.raises(InvalidValue) as error:
        parse_request({**DEFAULTS, **change})
    assert str(error.value).startswith(says)
