# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The trigger of a migration: a MachineConfig that differs from run to run, and which nodes have taken it.

A rendered configuration is named by a hash of its content, so an identical file under a new name starts no rollout:
the id of the run stands in the file. All that a run must remember is in the cluster, so a killed run is continued.
"""

from __future__ import annotations

import base64
import binascii
import re
import typing as t
from dataclasses import dataclass
from urllib.parse import quote, unquote

from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.machines import Machines
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import (
    FIELD_MANAGER,
    MANAGED_BY_LABEL,
    ROLE_LABEL,
    Node,
    Pool,
    parse_files,
)

TRIGGER_PATH = "/etc/virtscale-migration"
# Read by every OpenShift since 4.7.
_IGNITION = "3.2.0"
_MODE = 0o644
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def trigger_name(pool: str) -> str:
    """Return the name of a pool's trigger."""
    return f"99-{pool}-virtscale-migration"


def trigger(pool: str, run_id: str) -> Object:
    """Return the MachineConfig that rolls a pool for a run."""
    content = "data:," + quote(f"{run_id}\n", safe="")
    file = {"path": TRIGGER_PATH, "mode": _MODE, "overwrite": True, "contents": {"source": content}}
    return {
        "apiVersion": "machineconfiguration.openshift.io/v1",
        "kind": "MachineConfig",
        "metadata": {
            "name": trigger_name(pool),
            "labels": {ROLE_LABEL: pool, MANAGED_BY_LABEL: FIELD_MANAGER},
        },
        "spec": {"config": {"ignition": {"version": _IGNITION}, "storage": {"files": [file]}}},
    }


def run_of(machine_config: t.Mapping[str, t.Any] | None) -> str | None:
    """Return the id of the run in the trigger file of a MachineConfig, rendered or not; None without that file."""
    source = parse_files(machine_config or {}).get(TRIGGER_PATH)
    return None if source is None else _content(source).strip()


def check_run_id(run_id: str) -> str:
    """Return the id of a run.

    :raises InvalidValue: for one that is not a plain name.
    """
    if not _RUN_ID.fullmatch(run_id):
        raise InvalidValue("run_id", run_id, "a plain name of letters, digits, dots, dashes and underscores")
    return run_id


def _content(url: str) -> str:
    """Return the text of a ``data:`` URL, percent-encoded or base64; "" for anything else."""
    head, comma, body = url.partition(",")
    if not head.startswith("data:") or not comma:
        return ""
    if not head.endswith(";base64"):
        return unquote(body)
    try:
        return base64.b64decode(unquote(body), validate=True).decode(errors="replace")
    except binascii.Error:
        return ""


@dataclass(frozen=True)
class Triggered:
    """A pool, its trigger, and the nodes that carry it."""

    pool: Pool
    members: t.Sequence[Node]
    # The trigger as it is in the cluster, and the run that it names.
    live: Object
    run_id: str | None
    # The run whose trigger file each node of the pool has on its disk.
    carried: t.Mapping[str, str | None]

    @classmethod
    def of(cls, machines: Machines, facts: t.Mapping[str, t.Any], pool: str) -> Triggered:
        """Return where a pool stands by measured facts."""
        found = machines.snapshot
        live = (facts.get("triggers") or {}).get(pool) or {}
        rendered = facts.get("rendered_triggers") or {}
        members = found.members(pool)
        carried = {node.name: rendered.get(node.current or "") for node in members}
        return cls(found.pools[pool], members, live, run_of(live) if live else None, carried)

    @property
    def name(self) -> str:
        """The pool's name."""
        return self.pool.name

    def lacking(self) -> list[Node]:
        """Return the nodes that have not taken the trigger as it is now: all that carry none, where there is none."""
        return [node for node in self.members if self.carried[node.name] != self.run_id]

    @property
    def unfinished(self) -> bool:
        """Whether the rollout of the trigger that is in the cluster has not come to its end."""
        return self.run_id is not None and bool(self.lacking())

    @property
    def to_be_cleared(self) -> bool:
        """Whether the trigger, or the file that it left on nodes, is still to go."""
        return bool(self.live) or any(run is not None for run in self.carried.values())

    @property
    def under_way(self) -> bool:
        """Whether a rollout of the trigger, or of its removal, has begun and not ended."""
        return self.unfinished if self.live else self.to_be_cleared

    def effective(self) -> str | None:
        """Return what the nodes carry, in words; None when they carry nothing."""
        runs = sorted({run for run in self.carried.values() if run})
        counts = {run: list(self.carried.values()).count(run) for run in runs}
        if runs and counts[runs[-1]] == len(self.members):
            return runs[-1]
        return "; ".join(f"{run} on {number} of {len(self.members)} nodes" for run, number in counts.items()) or None
