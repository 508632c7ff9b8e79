# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The rollout itself: look, judge, do the next step, tell, until every pool is where it belongs."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.cluster import ClusterView
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.companion import Companion, first_said
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.estimate import (
    Estimate,
    describe_seconds,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import Pool, Snapshot
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.planned import planned_snapshot
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.progress import (
    FASTEST_LINE_S,
    SLOWEST_LINE_S,
    PoolProgress,
    ShareSeen,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.request import Request
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.state import (
    Phase,
    Step,
    Verdict,
    describe_waiting,
    next_step,
    outdated,
)

# How long an API that does not answer is waited for: a control plane node reboots in less.
API_SILENCE_S = 900.0
# A starting API server refuses for some seconds what it serves later: kinds of custom resources, roles.
API_STARTING_S = 15.0
_TICK_S = 1.0
_COALESCE_S = 0.1

Say = t.Callable[[str], None]
Answer = t.TypeVar("Answer")


@dataclass
class Outcome:
    """How it ended: the last look at the pools, what was seen before, and the sentence that says what went wrong."""

    snapshot: Snapshot
    verdicts: list[Verdict]
    pools: dict[str, PoolProgress]
    max_disrupted_seen: int = 0
    failure: str | None = None


class Rollout:
    """One run over the pools of a request; companions ride along, see ``_rollout.companion``."""

    def __init__(
        self,
        view: ClusterView,
        request: Request,
        say: Say,
        clock: t.Callable[[], float] = time.monotonic,
        companions: t.Sequence[Companion] = (),
    ) -> None:
        self._view = view
        self._request = request
        self._say = say
        self._clock = clock
        self._companions = companions
        self._names: list[str] = []
        self._pools: dict[str, PoolProgress] = {}
        self._share = ShareSeen()
        self._fault_since: dict[str, float] = {}
        self._last_obstacle = ""
        self._last_obstacle_at = float("-inf")
        self._last_silence: str | None = None

    def look(self) -> tuple[Snapshot, list[Verdict]]:
        """Return where the pools stand now, or after what is planned; nothing is changed or waited for."""
        snapshot = planned_snapshot(self._patiently(self._view.fresh), self._request.planned)
        return snapshot, self._request.judged(snapshot, self._request.chosen(snapshot))

    def run(self) -> Outcome:
        """Roll, and return how it ended; a failure is part of that, so that what was done is not lost."""
        try:
            # Companions first: what a released pool sets off must not happen before they watch.
            for companion in self._companions:
                self._patiently(companion.follow)
            self._patiently(self._view.follow)
            return self._run()
        finally:
            for companion in self._companions:
                companion.stop()
            self._view.stop()

    def _run(self) -> Outcome:
        snapshot = self._view.now()
        self._begin(snapshot)
        started = moved = self._clock()
        fingerprint: t.Any = None
        seen = -1
        while True:
            snapshot, verdicts, step = self._decide(self._patiently(self._view.now))
            if step.wait is None:
                # What changes the cluster or ends the run is decided on a fresh read, not on a watch that may lag.
                snapshot, verdicts, step = self._decide(self._patiently(self._view.fresh))
            if step.release is None and step.wait is None:
                return self._outcome(snapshot, verdicts, step.fail)
            obstacle = first_said(companion.obstacle() for companion in self._companions)
            if obstacle is not None:
                return self._outcome(snapshot, verdicts, obstacle)
            if step.release is not None:
                self._release(snapshot, step.release)
                continue
            if step.wait is not None:
                self._tell_obstacle(verdicts, step.wait)
            now = self._clock()
            previous, fingerprint = fingerprint, self._fingerprint(snapshot, verdicts)
            moved = now if fingerprint != previous else moved
            failure = self._out_of_time(now - started, now - moved)
            if failure is not None:
                waiting = step.beside or describe_waiting(snapshot, verdicts) or step.wait
                return self._outcome(snapshot, verdicts, f"{failure}: {waiting}.")
            self._tell_silence(self._view.unreachable)
            seen = self._view.wait(seen, _TICK_S)
            time.sleep(_COALESCE_S)

    def _begin(self, snapshot: Snapshot) -> None:
        """Note how the pools are before, and tell what will happen to each."""
        chosen = self._request.chosen(snapshot)
        for verdict in self._request.judged(snapshot, chosen):
            pool = verdict.pool
            self._names.append(pool.name)
            self._pools[pool.name] = PoolProgress(
                name=pool.name,
                estimate=self._request.estimated(snapshot, pool),
                behind_at_start=len(outdated(snapshot, pool)),
                name_width=max(len(one.name) for one in chosen),
            )
            if self._request.announced:
                self._say(f"pool {pool.name}: {describe_plan(verdict, self._pools[pool.name].estimate)}")

    def _decide(self, snapshot: Snapshot) -> tuple[Snapshot, list[Verdict], Step]:
        """Judge, note and tell what is seen, and return the next step."""
        now = self._clock()
        gone = [name for name in self._names if name not in snapshot.pools]
        if gone:
            return snapshot, [], Step(fail=f"MachineConfigPool {gone[0]} was deleted while it was waited for.")
        verdicts = self._request.judged(snapshot, [snapshot.pools[name] for name in self._names])
        self._share.observe(snapshot)
        for companion in self._companions:
            companion.observe(snapshot, self._names, now)
        rolling = sum(verdict.phase is Phase.ROLLING for verdict in verdicts)
        for verdict in verdicts:
            self._observe(snapshot, verdict, now, rolling)
        settling = [verdict for verdict in verdicts if verdict.fault and not self._fault_stays(verdict, now)]
        if settling:
            return snapshot, verdicts, Step(wait=f"pool {settling[0].pool.name}: {settling[0].fault}")
        step = next_step(snapshot, verdicts, self._request.limits)
        if step == Step():
            lagging = first_said(companion.lagging() for companion in self._companions)
            step = Step(wait=lagging and f"waits for {lagging}", beside=lagging)
        elif step.release is not None and step.release.paused:
            holding = first_said(companion.holding() for companion in self._companions)
            step = step if holding is None else Step(wait=f"waits for {holding}", beside=holding)
        return snapshot, verdicts, step

    def _observe(self, snapshot: Snapshot, verdict: Verdict, now: float, rolling: int) -> None:
        progress = self._pools[verdict.pool.name]
        if verdict.phase is Phase.ROLLING and progress.began is None:
            # The first judgement of a pool that waited: from here on its own numbers count.
            progress.began = now
            progress.behind_at_start = len(outdated(snapshot, verdict.pool))
            progress.estimate = self._request.estimated(snapshot, verdict.pool)
        progress.observe(snapshot, verdict.pool, now)
        if verdict.phase is Phase.ROLLING:
            progress.ended = None
            words = [companion.words(verdict.pool.name) for companion in self._companions]
            line = progress.line(snapshot, verdict.pool, now, [said for said in words if said], rolling)
            if line is not None:
                self._say(line)
        elif verdict.phase is Phase.UPDATED and progress.began is not None and progress.ended is None:
            progress.ended = now
            self._say(
                f"pool {progress.name}: done, {progress.behind_at_start} nodes in "
                f"{describe_seconds(progress.seconds)}, at most {progress.max_unavailable_seen} out of service at once"
            )
        if verdict.fault is None:
            self._fault_since.pop(verdict.pool.name, None)

    def _fault_stays(self, verdict: Verdict, now: float) -> bool:
        return now - self._fault_since.setdefault(verdict.pool.name, now) >= self._request.fault_stays_s

    def _release(self, snapshot: Snapshot, pool: Pool) -> None:
        """Take our pause away; a pool that somebody wrote to meanwhile is judged again first."""
        if not self._patiently(lambda: self._view.release(pool)):
            return
        progress = self._pools[pool.name]
        progress.released = True
        forecast = self._request.estimated(snapshot, pool)
        self._say(f"pool {pool.name}: {'released' if pool.paused else 'was unpaused already'}, {forecast}")

    def _fingerprint(self, snapshot: Snapshot, verdicts: t.Sequence[Verdict]) -> t.Any:
        """Return what differs as soon as anything moves in the pools that are waited for, or for a companion."""
        pools = [
            (verdict.phase, verdict.why, verdict.pool.updated, verdict.pool.ready, snapshot.members(verdict.pool.name))
            for verdict in verdicts
        ]
        return pools, [companion.progress() for companion in self._companions]

    def _out_of_time(self, elapsed_s: float, still_s: float) -> str | None:
        if elapsed_s > self._request.timeout_s:
            return f"The rollout is not done after timeout_s = {self._request.timeout_s:g} s"
        if still_s > self._request.stall_s:
            return f"Nothing moved for stall_s = {self._request.stall_s:g} s"
        return None

    def _tell_obstacle(self, verdicts: t.Sequence[Verdict], obstacle: str) -> None:
        """Say what is waited for where no pool is rolling, as pools do: rolling ones have lines of their own."""
        if any(verdict.phase is Phase.ROLLING for verdict in verdicts):
            return
        since_s = self._clock() - self._last_obstacle_at
        if since_s >= (FASTEST_LINE_S if obstacle != self._last_obstacle else SLOWEST_LINE_S):
            self._say(obstacle)
            self._last_obstacle, self._last_obstacle_at = obstacle, self._clock()

    def _tell_silence(self, silence: str | None) -> None:
        if bool(silence) != bool(self._last_silence):
            self._say(f"the API does not answer, waiting: {silence}" if silence else "the API answers again")
        self._last_silence = silence

    def _patiently(self, call: t.Callable[[], Answer]) -> Answer:
        """Return ``call()``, again and again while the API restarts.

        :raises KubeError: when it stays silent for API_SILENCE_S, or refuses for longer than a starting server does.
        """
        since = self._clock()
        while True:
            try:
                return call()
            except KubeError as error:
                refusing_s = API_STARTING_S if self._names else 0.0
                if self._clock() - since > (API_SILENCE_S if error.transient else refusing_s):
                    raise
                self._tell_silence(str(error))
                time.sleep(_TICK_S)

    def _outcome(self, snapshot: Snapshot, verdicts: list[Verdict], failure: str | None) -> Outcome:
        held = [verdict.pool.name for verdict in verdicts if verdict.phase is Phase.HELD]
        if failure and held:
            failure += f" Still paused by this collection, for the next run: {', '.join(held)}."
        return Outcome(snapshot, verdicts, self._pools, self._share.most, failure)


def describe_plan(verdict: Verdict, forecast: Estimate) -> str:
    """Return what will happen to a pool, and for how long, before it happens."""
    if verdict.phase is Phase.UPDATED:
        return verdict.why or "up to date"
    if verdict.phase is Phase.PAUSED:
        return f"{verdict.why}, and it is left as it is"
    if verdict.phase is Phase.RENDERING:
        return f"{forecast}, {verdict.why}" if forecast.nodes else verdict.why
    return f"{forecast}, {'rolling already' if verdict.phase is Phase.ROLLING else verdict.why}"
