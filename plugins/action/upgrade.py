# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Has the cluster upgrade itself and watches it to its end; documented in the module of the same name."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.utils.display import Display
from ansible_collections.virtscale.tuning.plugins.action.rollout import ActionModule as RolloutAction
from ansible_collections.virtscale.tuning.plugins.module_utils._action_record import artifacts_directory, current_run
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._journal import Journal
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.adapter import AUTH_SPEC
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeClient, KubeError
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.execute import reached
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.request import LATENCY_SPEC
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.request import parse_request as parse_load
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.feed import KUBEVIRTS, Feed
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.journal import journal_path
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.result import statistics
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.words import rows as migration_rows
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_decimal
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.cluster import ClusterView
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.companion import Companion
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.request import (
    ROLLOUT_SPEC,
    Request,
    parse_pace,
    parse_request,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.begin import Beginning
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.facts import ClusterVersion
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.load import DEFAULTS, Load, line
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.machines import UpgradedMachines
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.preflight import CONTROL_PLANE
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.result import lines, measured, rows
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.target import WANTED_SPEC, Wanted
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.watch import VersionWatch

# The pools are all that have nodes, and what is rendered into them is the release's own affair.
_NOT_ASKED = ("pools", "expect", "planned", "release")
_LIMITS: dict[str, t.Any] = {
    "offer_limit_s": {"type": "raw", "default": 300},
    "failing_limit_s": {"type": "raw", "default": 3600},
    "pool_fault_limit_s": {"type": "raw", "default": 300},
}
ARGUMENT_SPEC: dict[str, t.Any] = {
    **AUTH_SPEC,
    **WANTED_SPEC,
    **{name: spec for name, spec in ROLLOUT_SPEC.items() if name not in _NOT_ASKED},
    **_LIMITS,
    "hold": {"type": "list", "elements": "str", "default": []},
    "load": {"type": "dict", "default": {}, "no_log": False},
    "time_factor": {"type": "raw", "default": 1},
}


class ActionModule(RolloutAction):
    """A rollout of all pools, with the release and the virtual machines as its companions."""

    _spec = ARGUMENT_SPEC

    def _act(self, arguments: dict[str, t.Any]) -> dict[str, t.Any]:
        wanted = Wanted.parse(arguments)
        self._limits = {name: float(parse_decimal(name, arguments[name], above=0)) for name in _LIMITS}
        factor = float(parse_decimal("time_factor", arguments["time_factor"], above=0))
        arguments = {**arguments, "pools": [], "expect": {}, "planned": {}, "release": True}
        parse_request(arguments)
        parse_pace(arguments)
        run = current_run(self._variables, self._templar.template).run_id
        client, say = KubeClient.connect(arguments), Display().display
        limit_s = self._limits["offer_limit_s"]
        beginning = Beginning(client, wanted, arguments["hold"], run, limit_s, say)
        if self._task.check_mode:
            return {"changed": not beginning.finished()}
        load = self._load(arguments)
        try:
            version = beginning.begin()
            snapshot = ClusterView(client).fresh()
            pools = [name for name in sorted(snapshot.pools, key=_turn) if snapshot.members(name)]
            watch = VersionWatch(client, version.newest.version, self._limits["failing_limit_s"])
            told = self._watched({**arguments, "pools": pools}, client, version, watch, factor)
        finally:
            loaded = load.stop() if load else None
        told["upgrade"]["load"] = loaded
        told["lines"] += [line(loaded)] if loaded else []
        if not told.get("failed"):
            beginning.told()
        say("\n" + "\n".join(told["lines"]) + "\n")
        return told

    def _load(self, arguments: dict[str, t.Any]) -> Load | None:
        """Return the load that is asked for, running."""
        if not arguments["load"]:
            return None
        given = {**DEFAULTS, "migration_limit_s": arguments["timeout_s"], **arguments["load"]}
        checked = ArgumentSpecValidator(LATENCY_SPEC).validate(given)
        if checked.error_messages:
            raise TuningError(f"load: {'; '.join(checked.error_messages)}.")
        request, say = parse_load(checked.validated_parameters), Display().display
        load = Load(lambda: reached(arguments, request, say), request.settings, say)
        load.start()
        return load

    def _watched(
        self,
        arguments: dict[str, t.Any],
        client: KubeClient,
        version: ClusterVersion,
        watch: VersionWatch,
        factor: float,
    ) -> dict[str, t.Any]:
        """Return how it ended, with all that was seen of it."""
        to = version.newest.version
        workers = [name for name in arguments["pools"] if name not in CONTROL_PLANE]
        feed = self._feed(client, version.run_of(to) or "")
        seen, machines, nodes = None, 0, watch.nodes
        try:
            ended = self._ended(arguments, *([watch] if feed is None else [watch, UpgradedMachines(feed)]))
            if feed is not None:
                seen = statistics(feed.history, feed.highest, feed.now(), time_factor=factor)
                machines, nodes = len(feed.history.vms), feed.history.nodes
            now = watch.now()
        finally:
            if feed is not None:
                feed.close()
        upgrade = measured(
            watch.seen or version,
            nodes.values(),
            workers,
            watch.held_s,
            seen,
            watched=machines,
            time_factor=factor,
            now=now,
            finished=not ended.get("failed"),
        )
        found = {"changed": True, "upgrade": upgrade, "migrations": seen, "lines": lines(upgrade)}
        told = [*rows(upgrade), *(migration_rows(seen) if seen else [])]
        return {**ended, **found, "rows": [*ended.get("rows", ()), *told]}

    def _feed(self, client: KubeClient, run: str) -> Feed | None:
        """Return what follows the virtual machines, None in a cluster without any."""
        try:
            client.list(KUBEVIRTS)
        except KubeError as error:
            if error.status != 404:
                raise
            Display().display("OpenShift Virtualization is not there: no virtual machine is watched")
            return None
        artifacts = artifacts_directory(self._variables, self._templar.template)
        return Feed(client, Journal(journal_path(artifacts, run)))

    def _ended(self, arguments: dict[str, t.Any], *companions: Companion) -> dict[str, t.Any]:
        """Return how the rollout ended, an API that fell silent for good included."""
        try:
            return self._rollout(arguments, *companions)
        except TuningError as error:
            return {"failed": True, "msg": str(error), **error.details}

    def _request(self, arguments: dict[str, t.Any]) -> Request:
        request = parse_request(arguments)
        return dataclasses.replace(request, fault_stays_s=self._limits["pool_fault_limit_s"], announced=False)


def _turn(pool: str) -> tuple[int, str]:
    """Return what sorts pools: the control plane's own, custom ones by name, and the workers' last."""
    return (0 if pool in CONTROL_PLANE else 2 if pool == "worker" else 1), pool
