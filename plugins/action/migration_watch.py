# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rolls MachineConfigPools and follows every live migration; documented in the module of the same name."""

from __future__ import annotations

import typing as t

from ansible.utils.display import Display
from ansible_collections.virtscale.tuning.plugins.action.rollout import ARGUMENT_SPEC as ROLLOUT_SPEC
from ansible_collections.virtscale.tuning.plugins.action.rollout import ActionModule as RolloutAction
from ansible_collections.virtscale.tuning.plugins.module_utils._action_record import artifacts_directory, current_run
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._journal import Journal
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeClient
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.feed import Feed
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.journal import began_at, journal_path
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.result import statistics
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.survey import survey, survey_line
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.watch import MigrationWatch
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.words import lines, rows
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_decimal
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.request import parse_pace, parse_request

ARGUMENT_SPEC: dict[str, t.Any] = {
    **ROLLOUT_SPEC,
    "migration_id": {"type": "str"},
    "time_factor": {"type": "raw", "default": 1},
}


class ActionModule(RolloutAction):
    """A rollout with a companion; what the companion saw is kept whichever way the rollout ends."""

    _spec = ARGUMENT_SPEC

    def _rollout(self, arguments: dict[str, t.Any], *companions: t.Any) -> dict[str, t.Any]:
        parse_request(arguments)
        parse_pace(arguments)
        factor = float(parse_decimal("time_factor", arguments["time_factor"], above=0))
        artifacts = artifacts_directory(self._variables, self._templar.template)
        own_id = current_run(self._variables, self._templar.template).run_id
        migration_id = arguments["migration_id"] or own_id
        path = journal_path(artifacts, migration_id)
        client = KubeClient.connect(arguments)
        if self._task.check_mode or not arguments["release"]:
            found = super()._rollout(arguments)
            expected = {**survey(client, found["pools"]), "journal": str(path)}
            return {**found, "migrations": expected, "lines": [*found["lines"], survey_line(expected)]}
        feed = Feed(client, Journal(path), since=None if migration_id == own_id else began_at(migration_id))
        watch = MigrationWatch(feed)
        try:
            ended = self._ended(arguments, watch)
            seen = statistics(feed.history, feed.highest, feed.now(), time_factor=factor, journal=str(path))
        finally:
            feed.close()
        told = lines(seen)
        Display().display("\n" + "\n".join(told) + "\n")
        moved = bool(seen["totals"]["succeeded"])
        return {
            **ended,
            "changed": bool(ended.get("changed")) or moved,
            "rows": [*ended.get("rows", ()), *rows(seen)],
            "migrations": seen,
            "lines": told,
        }

    def _ended(self, arguments: dict[str, t.Any], watch: MigrationWatch) -> dict[str, t.Any]:
        """Return how the rollout ended, an API that fell silent for good included, after a last look at everything."""
        try:
            ended = super()._rollout(arguments, watch)
        except TuningError as error:
            ended = {"failed": True, "msg": str(error), **error.details}
        missed = watch.look_again()
        if missed and not ended.get("failed"):
            return {**ended, "failed": True, "msg": f"The last look at the migrations failed: {missed}"}
        return ended
