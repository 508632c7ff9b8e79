# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""An upgrade planned: where the cluster stands, what is against it, and the pools that are held until their turn."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from decimal import Decimal

from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.machines import Machines
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.plan import NEEDS_DISRUPTION, status_of
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.server_side_apply import is_gitops, owners
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.state import Limits, outdated
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, any_refused, in_words, row
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.facts import (
    ClusterVersion,
    parse_cluster_version,
    parse_operator,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.preflight import VERSION, Looked, check_upgrade
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.target import Wanted, check_channel, choose

CLUSTER, RELEASE = "cluster", "version"
_PATHS = (("spec", "channel"), ("spec", "desiredUpdate"))


@dataclass(frozen=True)
class UpgradeWishes:
    """The release, and how the pools are to roll after it."""

    wanted: Wanted
    one_at_a_time: bool
    max_disrupted_share: Decimal
    allow_disruption: bool


@dataclass
class UpgradePlan:
    """What the upgrade starts from, and what it will do."""

    before: str = ""
    to: str = ""
    # An upgrade to this version that has begun and is only to be watched to its end.
    continues: bool = False
    done: bool = False
    pools: list[str] = field(default_factory=list)
    # Pools that are to be paused as ours before it.
    hold: list[str] = field(default_factory=list)
    preflight: list[Row] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    @property
    def refused(self) -> bool:
        """Whether a gate said no, so that nothing may be changed."""
        return any_refused([*self.preflight, *self.rows])

    def lines(self) -> list[str]:
        """Return what somebody has to know before it begins: what stands against it, else what it does."""
        return in_words([*self.rows, *self.preflight])

    def as_result(self) -> dict[str, t.Any]:
        """Return the plan as return values of a module."""
        return {
            "changed": False,
            "rows": self.rows,
            "before": self.before,
            "to": self.to,
            "continues": self.continues,
            "done": self.done,
            "pools": self.pools,
            "hold": self.hold,
            "preflight": self.preflight,
            "refused": self.refused,
            "lines": self.lines(),
        }


def plan_upgrade(facts: t.Mapping[str, t.Any], wishes: UpgradeWishes, *, look: bool = True) -> UpgradePlan:
    """Return where the cluster stands, what stands against the upgrade, and which pools are held.

    :param look: whether to look for what stands against it; not when it is over.
    :raises TuningError: when the cluster has no ClusterVersion.
    """
    return _Planner(facts, wishes).plan(look)


def at_version(version: ClusterVersion, wanted: Wanted) -> bool:
    """Return whether the newest release that the cluster took, whole or not, is the one that is wanted."""
    newest = version.newest
    return newest.version == wanted.to if wanted.to else newest.image == wanted.image


class _Planner:
    """Makes one plan."""

    def __init__(self, facts: t.Mapping[str, t.Any], wishes: UpgradeWishes) -> None:
        item = facts.get("cluster_version")
        if not item:
            raise TuningError("The cluster has no ClusterVersion: only OpenShift 4 is upgraded by one.")
        self._item, self._wishes = item, wishes
        self._looked = Looked(
            version=parse_cluster_version(item),
            operators=[parse_operator(one) for one in facts.get("cluster_operators") or []],
            gates=facts.get("admin_gates") or {},
            acks=facts.get("admin_acks") or {},
            machines=Machines.from_facts(facts),
            facts=facts,
        )
        self._plan = UpgradePlan(before=self._looked.version.current, pools=self._looked.pools())

    def plan(self, look: bool) -> UpgradePlan:
        """Return it, with the look before where the upgrade has not begun."""
        plan, version, wanted = self._plan, self._looked.version, self._wishes.wanted
        plan.to = wanted.to
        if at_version(version, wanted):
            self._begun()
        else:
            self._new(look)
        return plan

    def _begun(self) -> None:
        """Tell where an upgrade stands that was asked for before."""
        plan, version = self._plan, self._looked.version
        newest = version.newest
        plan.to, plan.before = newest.version, version.before
        snapshot = self._looked.machines.snapshot
        behind = {name: len(outdated(snapshot, snapshot.pools[name])) for name in plan.pools}
        held = [name for name in plan.pools if snapshot.pools[name].marked]
        # The annotation goes when an upgrade has been told of whole.
        told = version.run_of(newest.version) is None
        plan.done = newest.completed and not any(behind.values()) and not held and told
        plan.continues = not plan.done
        if plan.done:
            why = "the control plane has it, and every node runs what was rendered for it"
        elif newest.completed:
            nodes = sum(behind.values())
            why = f"the control plane has it; {nodes} nodes are still to follow"
        else:
            why = f"is under way, and is watched to its end: {version.condition('Progressing')}"
        self._tell(newest.version, plan.done, "", why)

    def _new(self, look: bool) -> None:
        plan, version, wishes = self._plan, self._looked.version, self._wishes
        wanted = wishes.wanted
        channel, choice = check_channel(version, wanted), choose(version, wanted)
        changes = bool(wanted.channel) and wanted.channel != version.channel
        if changes:
            self._tell_channel(channel.refused, channel.overridden)
        refused, why = choice.refused, "; ".join(choice.overridden)
        if changes and refused:
            # What the other channel offers is known only once it is set.
            refused, why = "", f"once {wanted.channel} offers it"
        plan.to = choice.version or wanted.to
        self._tell(str(wanted), False, refused or self._gitops(), why)
        if look:
            share = float(wishes.max_disrupted_share)
            plan.preflight += check_upgrade(self._looked, wanted, plan.to, share)
        self._hold()

    def _tell(self, to: str, done: bool, refused: str, why: str) -> None:
        status = "refused" if refused else status_of(done, self._wishes.allow_disruption)
        if status == "pending":
            why = "; ".join(part for part in (NEEDS_DISRUPTION, why) if part)
        current = self._looked.version.current
        self._plan.rows.append(
            row(
                CLUSTER,
                RELEASE,
                before=self._plan.before,
                wanted=to,
                effective=current,
                status=status,
                why=refused or why,
            )
        )

    def _tell_channel(self, refused: str, overridden: t.Sequence[str]) -> None:
        allowed = self._wishes.allow_disruption
        why = "; ".join(overridden)
        self._plan.rows.append(
            row(
                VERSION,
                "channel",
                before=self._looked.version.channel or None,
                wanted=self._wishes.wanted.channel,
                effective=self._looked.version.channel or None,
                status="refused" if refused else status_of(False, allowed),
                why=refused or (why if allowed else "; ".join(part for part in ("set with the upgrade", why) if part)),
            )
        )

    def _gitops(self) -> str:
        """Return who would write the version or the channel back, in words, or ""."""
        found = [name for path in _PATHS for name in owners(self._item, path) if is_gitops(name)]
        return f"{found[0]} sets the channel or the version of the ClusterVersion: upgrade there" if found else ""

    def _hold(self) -> None:
        """Choose the pools that are kept back until the control plane is done and it is their turn.

        A single pool that keeps within the share needs none: its controller rolls it within its maxUnavailable.
        """
        plan, machines, wishes = self._plan, self._looked.machines, self._wishes
        snapshot = machines.snapshot
        at_once = sum(snapshot.pools[name].at_once(len(snapshot.members(name))) for name in plan.pools)
        allowed = Limits(max_disrupted_share=float(wishes.max_disrupted_share)).nodes(len(snapshot.workers))
        several = len(plan.pools) > 1 and (wishes.one_at_a_time or at_once > allowed)
        plan.hold = plan.pools if several else []
        if several:
            order = "one after the other" if wishes.one_at_a_time else "as max_disrupted_share allows"
            why = f"held until the control plane is done, then released {order}"
            plan.preflight.append(row("pools", ", ".join(plan.pools), status="note", why=why))
