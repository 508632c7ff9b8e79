# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Which storage the members use, v2 or v3, and what a version of OpenShift expects."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue

V2, V3 = "v2", "v3"


@dataclass(frozen=True)
class Expected:
    """What a platform's version comes with; ``schemas`` are all that may be, the one to go to last."""

    etcd: str
    schemas: tuple[str, ...]
    why: str


def expected(platform: str) -> Expected:
    """Return what the recommended practices' table says of a version of OpenShift.

    :param platform: such as 3.6 or 4.12.
    :raises InvalidValue: when it is no such version.
    """
    match = re.fullmatch(r"(\d+)\.(\d+)(?:\.\d+)*", str(platform).strip())
    if not match:
        raise InvalidValue("platform_version", platform, "a version of OpenShift such as 3.6")
    version = (int(match.group(1)), int(match.group(2)))
    if version <= (3, 3):
        return Expected("2.x", (V2,), "OpenShift 3.3 and older: etcd 2.x, v2")
    if version <= (3, 5):
        return Expected("3.x", (V2,), "OpenShift 3.4 and 3.5: etcd 3.x, v2")
    if version == (3, 6):
        return Expected("3.x", (V2, V3), "OpenShift 3.6: etcd 3.x, v2 after an upgrade and v3 in a new installation")
    return Expected("3.x", (V3,), "OpenShift 3.7 and newer: etcd 3.x, v3")


def in_use(v2_keys: bool | None, v3_keys: int | None) -> str | None:
    """Return v2, v3, both or empty; None where neither API tells.

    :param v2_keys: whether v2 holds any; None where the member does not serve v2.
    """
    names = [name for name, has in ((V2, v2_keys), (V3, bool(v3_keys))) if has]
    if len(names) == 2:
        return "both"
    if names:
        return names[0]
    return None if v3_keys is None and v2_keys is None else "empty"


def judge(schema: str | None, etcd_version: str | None, platform: str | None) -> tuple[str, str]:
    """Return a status of the collection's rows and its reason."""
    if schema is None:
        return "note", "neither the v2 nor the v3 API told what it holds"
    if platform is None:
        return "note", "which storage is right depends on the platform: say its version by platform_version"
    wanted = expected(platform)
    if schema == "empty":
        return "ok", f"holds no keys; {wanted.why}"
    if etcd_version and not etcd_version.startswith(wanted.etcd[0]):
        return "note", f"etcd is {etcd_version}; {wanted.why}"
    if schema == "both":
        return "note", f"both storages hold keys, of which the API server reads one; {wanted.why}"
    if schema not in wanted.schemas:
        return "note", f"{wanted.why}: the data is to be migrated" if schema == V2 else wanted.why
    if schema == V2 and V3 in wanted.schemas:
        return "note", f"{wanted.why}; it must be v3 before the upgrade to 3.7"
    return "ok", wanted.why


def facts(platform: str | None) -> dict[str, t.Any] | None:
    """Return what is expected, as a result tells it."""
    if platform is None:
        return None
    wanted = expected(platform)
    return {"platform": platform, "etcd": wanted.etcd, "schemas": list(wanted.schemas), "why": wanted.why}
