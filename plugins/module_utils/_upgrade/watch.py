# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The companion of a rollout that follows the release: what the control plane does before its pools are done."""

from __future__ import annotations

import threading
import time
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import (
    MACHINE_CONFIGS,
    KubeClient,
    KubeError,
    Object,
    Resource,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.follow import Follower
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import annotations_of
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.estimate import describe_seconds
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import Snapshot
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.progress import NodeTimes
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.facts import (
    ClusterVersion,
    Operator,
    parse_cluster_version,
    parse_operator,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.stand import Stand, describe, stand

CLUSTER_VERSIONS = Resource("config.openshift.io/v1", "clusterversions")
CLUSTER_OPERATORS = Resource("config.openshift.io/v1", "clusteroperators")
VERSION = "version"

_MADE_FOR = "machineconfiguration.openshift.io/release-image-version"
_MADE_BY = "machineconfiguration.openshift.io/generated-by-controller-version"
_MADE_FIRST = "00-worker"
# The counts of manifests change every second: a line this often is enough.
_LINE_S = 15.0
_LOOK_EVERY_S = 2.0


class VersionWatch:
    """Rides along with a rollout: no pool is released before the control plane has the version."""

    def __init__(
        self,
        client: KubeClient,
        to: str,
        failing_limit_s: float,
        wall_clock: t.Callable[[], float] = time.time,
    ) -> None:
        """Prepare to follow the upgrade to a version; nothing is asked yet.

        :param failing_limit_s: how long the cluster may say that it fails before the run ends.
        """
        self._client = client
        self._to = to
        self._failing_limit_s = failing_limit_s
        self._wall_clock = wall_clock
        self._lock = threading.Lock()
        self._version: ClusterVersion | None = None
        self._operators: dict[str, Operator] = {}
        self._followers: list[Follower] = []
        self._end = threading.Event()
        self._now = 0.0
        self._failing_since: float | None = None
        self._waiting_since: dict[str, float] = {}
        self._words = ""
        self._words_at = float("-inf")
        # The configurations that pools are to run, and those of them that were rendered for the version.
        self._targets: frozenset[str] = frozenset()
        self._rendered: set[str] = set()
        # By operator, the longest that it held the upgrade up without a break.
        self.held_s: dict[str, float] = {}
        # The steps of the nodes that were seen to change, in seconds of the epoch.
        self.nodes: dict[str, NodeTimes] = {}

    @property
    def seen(self) -> ClusterVersion | None:
        """The ClusterVersion as it was last seen, None before :meth:`follow`."""
        with self._lock:
            return self._version

    def now(self) -> float:
        """Return the moment, in seconds of the epoch."""
        return self._wall_clock()

    @property
    def standing(self) -> Stand:
        """Where the upgrade stands."""
        with self._lock:
            if self._version is None:
                return Stand(self._to, None, False, {})
            return stand(self._version, list(self._operators.values()), self._to)

    def follow(self) -> None:
        """Read version and operators, and watch them from there on.

        :raises KubeError: when the API does not answer.
        """
        self.stop()
        self._end = threading.Event()
        self._followers = [
            Follower(self._client, CLUSTER_VERSIONS, self._list_versions, self._hear_version),
            Follower(self._client, CLUSTER_OPERATORS, self._list_operators, self._hear_operator),
        ]
        for follower in self._followers:
            follower.start()
        threading.Thread(target=self._look_for_rendered, args=(self._end,), name="rendered", daemon=True).start()

    def observe(self, snapshot: Snapshot, pools: t.Collection[str], now: float) -> None:
        """Note who holds the upgrade up, and since when."""
        standing = self.standing
        self._now = now
        self._targets = frozenset(snapshot.pools[name].target for name in pools if name in snapshot.pools)
        since = now if self._failing_since is None else self._failing_since
        self._failing_since = since if standing.failing else None
        self._waiting_since = {name: self._waiting_since.get(name, now) for name in standing.waits_for}
        for name, since in self._waiting_since.items():
            self.held_s[name] = max(self.held_s.get(name, 0.0), now - since)
        for name in pools:
            for node in snapshot.members(name) if name in snapshot.pools else ():
                if not node.done:
                    self.nodes.setdefault(node.name, NodeTimes(node.name, name))
                if node.name in self.nodes:
                    self.nodes[node.name].observe(node, self._wall_clock())

    def words(self, pool: str) -> str:
        """Return how far the control plane is, for pools that roll before it is done."""
        standing = self.standing
        return "" if standing.completed else f"control plane: {standing.counts or 'on its way'}"

    def progress(self) -> object:
        """Return what changes with every manifest, and with every operator that reaches the version."""
        standing = self.standing
        with self._lock:
            there = sum(operator.version == self._to for operator in self._operators.values())
        return standing.done, standing.completed, there, len(self._rendered)

    def obstacle(self) -> str | None:
        """Return why the upgrade will not go on."""
        broken = next((str(follower.failure) for follower in self._followers if follower.failure), None)
        if broken:
            return f"The upgrade is no longer seen: {broken}"
        standing = self.standing
        if standing.lost:
            return f"{standing.lost[0].upper()}{standing.lost[1:]}."
        since = self._failing_since
        if since is None or standing.completed or self._now - since < self._failing_limit_s:
            return None
        by = ", ".join(f"{name} is {trouble}" for name, trouble in standing.waits_for.items() if trouble)
        return (
            f"The upgrade to {self._to} has been failing for {describe_seconds(self._now - since)} (failing_limit_s = "
            f"{self._failing_limit_s:g} s), at {standing.counts or 'its operators'}: {standing.failing}"
            f"{f'; {by}' if by else ''}. The cluster goes on trying: mend it, and run again to watch it to its end."
        )

    def lagging(self) -> str | None:
        """Return what the control plane still does."""
        return self.holding()

    def holding(self) -> str | None:
        """Return what the control plane does until pools may roll, a new line of it now and then."""
        standing = self.standing
        if standing.completed:
            missing = self._targets - self._rendered
            if not missing:
                return None
            return f"the controller to render what {self._to} brings to the nodes"
        key = standing.waits_for.keys()
        words = describe(standing, self._since_s(), {name: self._now - at for name, at in self._waiting_since.items()})
        if self._now - self._words_at >= _LINE_S or any(name not in self._words for name in key):
            self._words, self._words_at = words, self._now
        return self._words

    def stop(self) -> None:
        """End the watches."""
        self._end.set()
        for follower in self._followers:
            follower.stop()

    def _since_s(self) -> float | None:
        version = self.seen
        started = version.newest.started if version else None
        return None if started is None else max(0.0, self._wall_clock() - started)

    def _list_versions(self, items: list[Object]) -> None:
        for item in items:
            self._hear_version("MODIFIED", item)

    def _hear_version(self, event: str, item: Object) -> None:
        if item["metadata"]["name"] == VERSION and event != "DELETED":
            with self._lock:
                self._version = parse_cluster_version(item)

    def _list_operators(self, items: list[Object]) -> None:
        with self._lock:
            self._operators = {item["metadata"]["name"]: parse_operator(item) for item in items}

    def _hear_operator(self, event: str, item: Object) -> None:
        with self._lock:
            self._operators[item["metadata"]["name"]] = parse_operator(item)
            if event == "DELETED":
                del self._operators[item["metadata"]["name"]]

    def _look_for_rendered(self, end: threading.Event) -> None:
        while not end.wait(_LOOK_EVERY_S):
            try:
                self.look_for_rendered()
            except KubeError:
                continue  # the run itself tells of an API that does not answer

    def look_for_rendered(self) -> None:
        """Read which of the pools' configurations were rendered for the version, once the control plane has it.

        Its controller writes the version on them since 4.14, also where nothing in them changed. Before that it wrote
        its own version only.

        :raises KubeError: when the API does not answer.
        """
        if not self.standing.completed:
            return
        for name in self._targets - self._rendered:
            notes = annotations_of(self._client.get(MACHINE_CONFIGS, name) or {"metadata": {}})
            made_for = notes.get(_MADE_FOR)
            if made_for == self._to or (made_for is None and notes.get(_MADE_BY) == self._controller()):
                self._rendered.add(name)

    def _controller(self) -> str | None:
        """Return the version of the controller by what it makes first, which every cluster has."""
        return annotations_of(self._client.get(MACHINE_CONFIGS, _MADE_FIRST) or {"metadata": {}}).get(_MADE_BY)
