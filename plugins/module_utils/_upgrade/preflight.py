# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What stands against an upgrade of the cluster, and what it will do: facts in, rows out.

A refusal is one that waiting would not heal, or that a person has to decide: it stands in a row, and nothing is
changed. Acknowledgements are shown and never given: they say that somebody has looked, and nobody has.
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.machines import Machines
from ansible_collections.virtscale.tuning.plugins.module_utils._hyperconverged.virt_api_patch import (
    JSONPATCH_ANNOTATION,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import annotations_of
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.preflight import (
    Leaving,
    check,
    node_reasons,
    pool_reasons,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.trigger import Triggered
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.facts import (
    ClusterVersion,
    Operator,
    minor_of,
    one_line,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.target import Wanted, client_guards

Facts = t.Mapping[str, t.Any]

CONTROL_PLANE = ("master", "arbiter")
VERSION = "ClusterVersion version"
# The form of a gate's name, as the cluster-version operator reads it: the minor version that may not be left.
_GATE = re.compile(r"ack-(\d+\.\d+)-[^-].*")


@dataclass(frozen=True)
class Looked:
    """The release's side of a cluster, and the machines that it runs on."""

    version: ClusterVersion
    operators: t.Sequence[Operator]
    # By name, what must be acknowledged, and what is.
    gates: t.Mapping[str, str]
    acks: t.Mapping[str, str]
    machines: Machines
    facts: Facts

    def pools(self) -> list[str]:
        """Return the pools with nodes that are not of the control plane: custom ones by name, worker last."""
        found = [name for name in self.machines.pools if name not in CONTROL_PLANE and self.machines.members(name)]
        return sorted(found, key=lambda name: (name == "worker", name))

    def leaving(self, pool: str) -> Leaving:
        """Return what leaves the nodes of a pool, all of which are going to be drained."""
        state = Triggered.of(self.machines, {}, pool)
        return Leaving.of(self.facts, state, state.members)


def check_upgrade(looked: Looked, wanted: Wanted, version: str, share: float) -> list[Row]:
    """Return a row for each finding: refused, or a note of what is going to happen or was overridden.

    :param version: the version that it goes to, "" where only an image is known.
    :param share: of all workers, how many may be out of service at once.
    """
    crosses = bool(version) and minor_of(version) != minor_of(looked.version.current)
    leaving = [looked.leaving(pool) for pool in looked.pools()]
    return [
        *_client_rows(looked, wanted),
        *_ack_rows(looked, wanted, crosses),
        *_upgradeable_rows(looked, wanted, crosses),
        *_taint_rows(looked.facts),
        *_control_plane_rows(looked, share),
        *check(looked.machines, looked.facts, leaving, share),
    ]


def _client_rows(looked: Looked, wanted: Wanted) -> t.Iterator[Row]:
    """Yield the guards that allow_upgrade_with_warnings passes over."""
    against = [(VERSION, "state", why) for why in client_guards(looked.version)]
    against += [
        (f"ClusterOperator {operator.name}", "health", operator.trouble)
        for operator in looked.operators
        if operator.trouble
    ]
    for where, what, why in against:
        if wanted.allow_upgrade_with_warnings:
            yield row(where, what, status="note", why=f"{why}; passed over: allow_upgrade_with_warnings is set")
        else:
            remedy = "let it end or mend it first, or set allow_upgrade_with_warnings"
            yield row(where, what, status="refused", why=f"{why}; {remedy}")


def _ack_rows(looked: Looked, wanted: Wanted, crosses: bool) -> t.Iterator[Row]:
    """Yield the acknowledgements that the cluster wants before it leaves its minor version."""
    minor = ".".join(map(str, minor_of(looked.version.current)))
    for gate, message in sorted(looked.gates.items()):
        found = _GATE.fullmatch(gate)
        if found is None or found[1] != minor:
            continue
        given = looked.acks.get(gate) == "true"
        what, status, why = f"acknowledgement {gate}", "note", one_line(message)
        if given:
            why = f"given by an administrator: {why}"
        elif crosses and not wanted.force:
            patch = json.dumps({"data": {gate: "true"}})
            command = f"oc -n openshift-config patch cm admin-acks --patch '{patch}' --type=merge"
            status, why = "refused", f"{why}. It is yours to give, once it is so: {command}"
        else:
            passed = "force passes over it" if crosses else "not needed within a minor version"
            why = f"not given, {passed}: {why}"
        yield row("ConfigMap admin-acks", what, effective="given" if given else "not given", status=status, why=why)


def _upgradeable_rows(looked: Looked, wanted: Wanted, crosses: bool) -> t.Iterator[Row]:
    found = looked.version.condition("Upgradeable")
    # The rows of the acknowledgements say it at more length.
    if not found.false or found.reason == "AdminAckRequired":
        return
    if not crosses:
        status, why = "note", f"{found}; this holds up minor upgrades only"
    elif wanted.force:
        status, why = "note", f"{found}; force passes over it"
    else:
        status, why = "refused", f"{found}: mend that first"
    yield row(VERSION, "Upgradeable", effective="False", status=status, why=why)


def _taint_rows(facts: Facts) -> t.Iterator[Row]:
    live = (facts.get("hyperconverged") or {}).get("object")
    if live and annotations_of(live).get(JSONPATCH_ANNOTATION):
        yield row(
            f"HyperConverged {live['metadata']['name']}",
            f"annotation {JSONPATCH_ANNOTATION}",
            effective="set",
            status="note",
            why="its patches bypass the operator, whose documentation says to take them away before an upgrade: a "
            "path that the new version does not have stops its reconciliation",
        )


def _control_plane_rows(looked: Looked, share: float) -> t.Iterator[Row]:
    """Yield what keeps the nodes of the control plane from rolling, which they do as a part of the release."""
    for name in CONTROL_PLANE:
        if name not in looked.machines.pools or not looked.machines.members(name):
            continue
        pool = looked.leaving(name)
        reasons = [*pool_reasons(looked.machines, pool, [name]), *node_reasons(looked.machines, pool, share)]
        for what, why in reasons:
            if what not in ("nodes at once", "other pools"):
                yield row(pool.where, what, status="refused", why=why)
