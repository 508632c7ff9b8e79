# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Which release an upgrade goes to, and what stands against asking for it: the rules of ``oc adm upgrade``.

The flags do what those of the command do. Those of the client decide what is asked for at all; ``force`` is handed to
the cluster, which then takes a release that it cannot verify, or one that its own gates are against.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.facts import (
    ClusterVersion,
    Update,
    minor_of,
    one_line,
)

# Mirrors the documentation fragment virtscale.tuning.upgrade.
WANTED_SPEC: dict[str, dict[str, t.Any]] = {
    "to": {"type": "str", "default": ""},
    "image": {"type": "str", "default": ""},
    "channel": {"type": "str", "default": ""},
    "allow_explicit_channel": {"type": "bool", "default": False},
    "allow_explicit_upgrade": {"type": "bool", "default": False},
    "allow_not_recommended": {"type": "bool", "default": False},
    "allow_upgrade_with_warnings": {"type": "bool", "default": False},
    "force": {"type": "bool", "default": False},
}


@dataclass(frozen=True)
class Wanted:
    """The release that is asked for, and what is overridden for it."""

    to: str = ""
    image: str = ""
    channel: str = ""
    allow_explicit_channel: bool = False
    allow_explicit_upgrade: bool = False
    allow_not_recommended: bool = False
    allow_upgrade_with_warnings: bool = False
    force: bool = False

    def __str__(self) -> str:
        return self.to or self.image

    @classmethod
    def parse(cls, given: t.Mapping[str, t.Any]) -> Wanted:
        """Return the wish that options of the same names tell.

        :raises InvalidValue: for what ``oc adm upgrade`` does not take either.
        """
        wanted = cls(**{name: given[name] for name in WANTED_SPEC})
        if not wanted.to and not wanted.image:
            raise InvalidValue("to", wanted.to, "the version to upgrade to, or image its release image")
        if wanted.to:
            minor_of(wanted.to)
        if wanted.image:
            _check_image(wanted)
        return wanted


@dataclass
class Choice:
    """The value of spec.desiredUpdate, or why there is none; ``waits`` says what may still bring it."""

    update: dict[str, t.Any] = field(default_factory=dict)
    version: str = ""
    refused: str = ""
    waits: str = ""
    # What was overridden, in words.
    overridden: list[str] = field(default_factory=list)


def choose(version: ClusterVersion, wanted: Wanted) -> Choice:
    """Return what to ask the cluster for: an update that it is offered, or the image that was named explicitly."""
    offered = [*(version.available or ()), *(one for one in version.conditional if one.not_recommended is None)]
    found = next((one for one in offered if _matches(one, wanted)), None)
    if found is not None:
        return _asking(found, wanted, [])
    found = next((one for one in version.conditional if _matches(one, wanted)), None)
    if found is not None:
        return _conditional(found, wanted)
    if wanted.image and wanted.allow_explicit_upgrade:
        told = [f"{wanted} is not among the updates that are offered; taken because allow_explicit_upgrade is set"]
        return _asking(Update(wanted.to, wanted.image), wanted, told)
    return _not_offered(version, wanted, [one.version for one in offered])


def check_channel(version: ClusterVersion, wanted: Wanted) -> Choice:
    """Return whether the channel may be set: it must be among those that the release is in, where they are known."""
    if not wanted.channel or wanted.channel in (version.channel, *version.channels):
        return Choice()
    if not version.channels:
        why = f"which channels {version.desired_version} is in is not known, so {wanted.channel} cannot be checked"
        return Choice(overridden=[why])
    known = f"{wanted.channel} is not one of the channels that {version.desired_version} is in"
    if wanted.allow_explicit_channel:
        return Choice(overridden=[f"{known}, and is set because allow_explicit_channel is set"])
    return Choice(refused=f"{known} ({', '.join(version.channels)}): set allow_explicit_channel to set it anyway")


def client_guards(version: ClusterVersion) -> list[str]:
    """Return what keeps a client from asking for an upgrade: an invalid object, a failing or unfinished update."""
    found = []
    if version.condition("Invalid").true:
        found.append(f"the ClusterVersion is invalid: {version.condition('Invalid')}")
    if version.condition("Failing").true:
        found.append(f"the cluster fails to reconcile {version.desired_version}: {version.condition('Failing')}")
    if version.condition("Progressing").true:
        found.append(f"an upgrade is under way: {version.condition('Progressing')}")
    return found


def _conditional(found: Update, wanted: Wanted) -> Choice:
    risks = "; ".join(map(str, found.risks)) or str(found.not_recommended)
    known = f"{found.version} is offered, but not recommended for this cluster: {risks}"
    if not wanted.allow_not_recommended:
        return Choice(refused=f"{known}; set allow_not_recommended to accept that")
    return _asking(found, wanted, [f"{known}; accepted because allow_not_recommended is set"])


def _asking(found: Update, wanted: Wanted, overridden: list[str]) -> Choice:
    update: dict[str, t.Any] = {"image": wanted.image or found.image}
    if found.version:
        update["version"] = found.version
    if wanted.force:
        update["force"] = True
        overridden = [
            *overridden,
            "force is set: the cluster takes a release that it cannot verify, and passes over its own gates",
        ]
    return Choice(update=update, version=found.version, overridden=overridden)


def _not_offered(version: ClusterVersion, wanted: Wanted, offered: t.Sequence[str]) -> Choice:
    retrieved = version.condition("RetrievedUpdates")
    channel = version.channel or "no channel"
    if retrieved.false and retrieved.reason:
        why = f"the updates of {channel} cannot be retrieved: {retrieved.reason}, {retrieved}"
    elif offered:
        why = f"{channel} offers {', '.join(offered)}, and not {wanted}"
    else:
        why = f"{channel} offers nothing to {version.desired_version}"
    remedy = "name its image, and set allow_explicit_upgrade, to go there anyway"
    if wanted.image:
        remedy = "set allow_explicit_upgrade to go there anyway"
    return Choice(refused=f"{why}; set a channel that offers it, or {remedy}", waits=one_line(why))


def _matches(update: Update, wanted: Wanted) -> bool:
    if wanted.image:
        _repository, at, digest = wanted.image.rpartition("@")
        return update.image == wanted.image or bool(at and update.image.endswith(f"@{digest}"))
    return update.version == wanted.to


def _check_image(wanted: Wanted) -> None:
    name, at, digest = wanted.image.partition("@")
    last = name.rpartition("/")[2]
    if "/" not in name or not (at or ":" in last):
        raise InvalidValue("image", wanted.image, "a pull spec such as registry/repository@sha256:<digest>")
    if not (at and digest) and not wanted.force:
        raise InvalidValue(
            "image", wanted.image, "a pull spec by digest, because a tag cannot be verified without force"
        )
