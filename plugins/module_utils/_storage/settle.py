# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Setting a StorageProfile: read, decide, write, and wait until CDI has taken it over."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeClient
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object, value_at
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import FIELD_MANAGER
from ansible_collections.virtscale.tuning.plugins.module_utils._storage.profile import (
    ROOM,
    STORAGE_PROFILES,
    CloneWish,
    ProfilePlan,
    confirmed,
    in_effect,
    plan_given_back,
    plan_profile,
    read_profile,
)

_LOOK_AGAIN_S = 1.0


def settle_profile(
    client: KubeClient, storage_class: str, wish: CloneWish | None, *, timeout_s: float, check_mode: bool
) -> dict[str, t.Any]:
    """Return what became of the profile.

    :param wish: None gives back what was there before.
    :param timeout_s: how long CDI may take to follow.
    :raises TuningError: with ``rows`` when the change is refused, or CDI does not follow.
    """
    if wish is None and client.get(STORAGE_PROFILES, storage_class) is None:
        # Where there is no such profile, nothing was ever changed in it.
        return _result({}, None, [], False)
    profile, pool = read_profile(client, storage_class)
    plan = plan_given_back(profile) if wish is None else plan_profile(profile, pool, wish)
    refused = [line for line in plan.rows if line["status"] == "refused"]
    if refused:
        raise TuningError(f"StorageProfile {storage_class} is left as it is: {_reason(refused[-1])}.", rows=plan.rows)
    if check_mode:
        return _result(profile, pool, plan.rows, bool(plan.patch))
    if plan.patch:
        client.merge_patch(STORAGE_PROFILES, storage_class, plan.patch, field_manager=FIELD_MANAGER)
    if plan.patch or plan.expected:
        profile = _followed(client, storage_class, plan, timeout_s)
    rows = confirmed(plan, profile)
    if any(line["status"] == "failed" for line in rows):
        message = f"CDI did not take over the StorageProfile {storage_class} within {timeout_s:g} s; does CDI run?"
        raise TuningError(message, rows=rows)
    return _result(profile, pool, rows, bool(plan.patch))


def _followed(client: KubeClient, storage_class: str, plan: ProfilePlan, timeout_s: float) -> Object:
    end = time.monotonic() + timeout_s
    while True:
        profile, _pool = read_profile(client, storage_class)
        if in_effect(plan, profile) or time.monotonic() > end:
            return profile
        time.sleep(_LOOK_AGAIN_S)


def _reason(line: t.Mapping[str, t.Any]) -> str:
    """Return why a row is refused; that of the room says it in its figures."""
    if line["what"] == ROOM:
        return f"full copies do not fit, {line['wanted']} are needed and {line['effective']}"
    return str(line["why"])


def _result(profile: Object, pool: str | None, rows: t.Sequence[t.Any], changed: bool) -> dict[str, t.Any]:
    return {
        "changed": changed,
        "clone_strategy": value_at(profile, ("status", "cloneStrategy")),
        "provisioner": value_at(profile, ("status", "provisioner")),
        "pool": pool,
        "rows": list(rows),
    }
