# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Asks the cluster for an upgrade: sets the channel, waits for its offer, holds the pools, and sees it accepted.

Each write names the version of the object that it was decided on, and each is left out where it was made before, so
that a killed run is finished by running it again. What the cluster refuses is taken back.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import (
    MACHINE_CONFIG_POOLS,
    KubeClient,
    KubeError,
    Object,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import (
    FIELD_MANAGER,
    PAUSE_MARK,
    parse_pool,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.facts import (
    RUN_ANNOTATION,
    ClusterVersion,
    parse_cluster_version,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.plan import at_version
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.target import (
    Choice,
    Wanted,
    check_channel,
    choose,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.watch import CLUSTER_VERSIONS, VERSION

Say = t.Callable[[str], None]

PAUSED_WHY = "upgrade to {to}; released after the control plane"
# How long an API that restarts is waited for before the cluster was asked for anything.
_API_SILENCE_S = 60.0
_LOOK_EVERY_S = 1.0
_LINE_S = 15.0
# Of what an earlier request left, such as force, nothing holds for the next.
_NO_UPDATE: Object = {"version": None, "image": None, "architecture": None, "force": None}
# Reasons of ReleaseAccepted that pass by themselves: the image is fetched again and again.
_MAY_PASS = ("RetrievePayload", "")


@dataclass
class Beginning:
    """One attempt to have the cluster begin."""

    client: KubeClient
    wanted: Wanted
    # Pools that are paused before the cluster is asked, and the run that this is.
    hold: t.Sequence[str]
    run_id: str
    # How long an offer, and the answer to a request, are waited for.
    offer_limit_s: float
    say: Say
    clock: t.Callable[[], float] = time.monotonic
    sleep: t.Callable[[float], None] = time.sleep

    def begin(self) -> ClusterVersion:
        """Return the ClusterVersion once the cluster has begun; at once where it has before.

        :raises TuningError: with the cluster's own reason, when it does not offer the version or refuses it.
        """
        version = self._look()
        if at_version(version, self.wanted):
            return self._taken_over(version)
        version, choice = self._offered(self._set_channel(version))
        for why in choice.overridden:
            self.say(why)
        self._hold()
        before = version.asked
        self._ask(version, choice)
        try:
            return self._noted(self._accepted(before, choice))
        except TuningError:
            self._release()
            raise

    def finished(self) -> bool:
        """Return whether the control plane has the version; nothing is asked for."""
        version = self._look()
        return at_version(version, self.wanted) and version.newest.completed

    def told(self) -> None:
        """Take our annotation away: all there was to tell of the upgrade has been told."""
        self._patch({"metadata": {"annotations": {RUN_ANNOTATION: None}}})

    def _taken_over(self, version: ClusterVersion) -> ClusterVersion:
        """Watch an upgrade that was asked for before."""
        self.say(f"{version.newest.version} was asked for before: its upgrade is watched to its end")
        return self._noted(version)

    def _noted(self, version: ClusterVersion) -> ClusterVersion:
        """Note on the cluster which run watches the upgrade, unless it says so."""
        to = version.newest.version
        if version.run_of(to) is None:
            self._patch({"metadata": {"annotations": {RUN_ANNOTATION: f"{to}/{self.run_id}"}}})
            return self._look()
        return version

    def _set_channel(self, version: ClusterVersion) -> ClusterVersion:
        channel = self.wanted.channel
        if not channel or channel == version.channel:
            return version
        found = check_channel(version, self.wanted)
        if found.refused:
            raise TuningError(f"The channel is not set: {found.refused}.")
        self._write(version, {"spec": {"channel": channel}})
        self.say(f"channel {version.channel or 'none'} -> {channel}")
        return self._look()

    def _offered(self, version: ClusterVersion) -> tuple[ClusterVersion, Choice]:
        """Return what to ask for, as soon as the channel offers it."""
        end, line_at = self.clock() + self.offer_limit_s, float("-inf")
        while True:
            choice = choose(version, self.wanted)
            settled = version.observed_generation >= version.generation
            if choice.update and settled:
                return version, choice
            if self.clock() > end or (choice.refused and not choice.waits and settled):
                raise TuningError(f"The cluster is not asked to upgrade: {choice.refused or 'it does not answer'}.")
            if self.clock() - line_at >= _LINE_S:
                self.say(f"waits for an offer of {self.wanted}: {choice.waits or 'the operator is to look again'}")
                line_at = self.clock()
            self.sleep(_LOOK_EVERY_S)
            version = self._look()

    def _hold(self) -> None:
        """Pause the pools as ours; those that somebody else paused meanwhile are theirs."""
        for name in self.hold:
            item = self.client.get(MACHINE_CONFIG_POOLS, name)
            if item is None or parse_pool(item).paused:
                continue
            why = PAUSED_WHY.format(to=self.wanted)
            body = {"metadata": {"annotations": {PAUSE_MARK: why}}, "spec": {"paused": True}}
            self.client.merge_patch(MACHINE_CONFIG_POOLS, name, body, field_manager=FIELD_MANAGER)
            self.say(f"pool {name}: held until the control plane is done")

    def _release(self) -> None:
        """Let the pools go again that were held for nothing."""
        for name in self.hold:
            item = self.client.get(MACHINE_CONFIG_POOLS, name)
            if item is not None and parse_pool(item).marked:
                body = {"metadata": {"annotations": {PAUSE_MARK: None}}, "spec": {"paused": None}}
                self.client.merge_patch(MACHINE_CONFIG_POOLS, name, body, field_manager=FIELD_MANAGER)

    def _ask(self, version: ClusterVersion, choice: Choice) -> None:
        notes = {RUN_ANNOTATION: f"{choice.version}/{self.run_id}"} if choice.version else {}
        update = {**_NO_UPDATE, **choice.update}
        self._write(version, {"metadata": {"annotations": notes}, "spec": {"desiredUpdate": update}})
        self.say(f"asked the cluster for {choice.version or self.wanted.image}")

    def _accepted(self, before: t.Mapping[str, t.Any], choice: Choice) -> ClusterVersion:
        """Return when the cluster has begun; what it refuses is taken back."""
        end = self.clock() + self.offer_limit_s
        while True:
            version = self._look()
            if at_version(version, self.wanted):
                return version
            why, final = _refusal(version, choice)
            if final or self.clock() > end:
                undone = {**_NO_UPDATE, **before} if before else None
                self._patch({"metadata": {"annotations": {RUN_ANNOTATION: None}}, "spec": {"desiredUpdate": undone}})
                raise TuningError(f"The cluster refuses the upgrade, and is no longer asked for it: {why}.")
            self.sleep(_LOOK_EVERY_S)

    def _look(self) -> ClusterVersion:
        """Read the ClusterVersion, through a short restart of the API."""
        end = self.clock() + _API_SILENCE_S
        while True:
            try:
                item = self.client.get(CLUSTER_VERSIONS, VERSION)
            except KubeError as error:
                if not error.transient or self.clock() > end:
                    raise
                self.sleep(_LOOK_EVERY_S)
                continue
            if item is None:
                raise TuningError("The cluster has no ClusterVersion: only OpenShift 4 is upgraded by one.")
            return parse_cluster_version(item)

    def _write(self, decided_on: ClusterVersion, body: Object) -> None:
        """Write what was decided on an object, unless somebody has asked for something else since.

        The operator itself writes to the object all the time: that is no reason against it.
        """
        version = decided_on
        while (version.channel, version.asked) == (decided_on.channel, decided_on.asked):
            notes = body.get("metadata") or {}
            try:
                self._patch({**body, "metadata": {**notes, "resourceVersion": version.resource_version}})
                return
            except KubeError as error:
                if error.status != 409:
                    raise
            version = self._look()
        raise TuningError("Somebody has changed the channel or the version that the cluster is asked for: look again.")

    def _patch(self, body: Object) -> None:
        self.client.merge_patch(CLUSTER_VERSIONS, VERSION, body, field_manager=FIELD_MANAGER)


def _refusal(version: ClusterVersion, choice: Choice) -> tuple[str, bool]:
    """Return why the cluster has not begun, and whether waiting is no use."""
    invalid, accepted = version.condition("Invalid"), version.condition("ReleaseAccepted")
    if version.observed_generation < version.generation:
        return "its operator has not looked at the request", False
    if invalid.true:
        return str(invalid), True
    named = [name for name in (choice.version, choice.update["image"]) if name]
    if accepted.false and any(f'"{name}"' in accepted.message for name in named):
        return str(accepted), accepted.reason not in _MAY_PASS
    return str(accepted) if accepted.status else "it does not say why", False
