# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.policy import (
    DisruptionPolicy,
    PolicyPlan,
    plan_policy,
    serves_policies,
)

Object = t.Dict[str, t.Any]
US, THEM, ARGO = "virtscale.tuning", "kubectl-edit", "argocd-controller"
PATH = "/etc/virtscale-migration"
OTHER_FILE = {"path": "/etc/my-file", "actions": [{"type": "None"}]}


def policy(asked: str | None, effective: str | None, *managers: str, served: bool = True) -> DisruptionPolicy:
    """As the API shows it: lists with other files, and the owners of each entry by its key."""

    def files(action: str | None) -> list[Object]:
        ours = [{"path": PATH, "actions": [{"type": action}]}] if action else []
        return [OTHER_FILE, *ours]

    entry = {f'k:{{"path":"{PATH}"}}': {".": {}, "f:actions": {}, "f:path": {}}}
    theirs = {'k:{"path":"/etc/my-file"}': {".": {}}}
    owned = [
        {"manager": name, "operation": "Apply", "fieldsV1": {"f:spec": {"f:nodeDisruptionPolicy": {"f:files": fields}}}}
        for name, fields in [("somebody", theirs), *((name, entry) for name in managers)]
    ]
    live = {
        "metadata": {"name": "cluster", "managedFields": owned},
        "spec": {"nodeDisruptionPolicy": {"files": files(asked)}},
        "status": {"nodeDisruptionPolicyStatus": {"clusterPolicies": {"files": files(effective)}}},
    }
    return DisruptionPolicy.of({"disruption_policy": {"served": served, "object": live}})


def plan(found: DisruptionPolicy, drain_only: bool = True, allowed: bool = True, force: bool = False) -> PolicyPlan:
    return plan_policy(found, drain_only, allowed, force)


def files_of(found: PolicyPlan) -> list[t.Any]:
    return [definition["spec"].get("nodeDisruptionPolicy") for definition in found.definitions]


DRAIN = {"files": [{"path": PATH, "actions": [{"type": "Drain"}]}]}


@pytest.mark.parametrize(
    "found, drain_only, status, written, reboots",
    [
        (policy(None, None), False, [], [], True),
        (policy(None, None), True, ["would_change"], [DRAIN], False),
        (policy("Drain", "Drain", US), True, ["ok"], [], False),
        # Asked for, and not in effect yet.
        (policy("Drain", None, US), True, ["would_change"], [], False),
        (policy("Drain", "Drain", US), False, ["would_change"], [None], True),
        (policy("Drain", "Drain", THEM), True, ["ok"], [], False),
        (policy("Drain", "Drain", THEM), False, ["note"], [], False),
        (policy("Reboot", "Reboot", THEM), False, ["note"], [], True),
        (policy("Drain", "Drain", US, THEM), False, ["note"], [], False),
    ],
)
def test_what_is_written(
    found: DisruptionPolicy, drain_only: bool, status: list[str], written: list[t.Any], reboots: bool
) -> None:
    result = plan(found, drain_only)
    assert [row["status"] for row in result.rows] == status
    assert (files_of(result), result.reboots) == (written, reboots)


def test_nothing_without_permission() -> None:
    result = plan(policy(None, None), allowed=False)
    assert result.definitions == []
    assert [(row["status"], row["why"]) for row in result.rows] == [
        ("pending", "needs allow_disruption: true; the trigger drains the nodes and does not reboot them")
    ]


def test_a_cluster_without_policies() -> None:
    result = plan(policy(None, None, served=False))
    assert (result.definitions, result.rows[0]["status"]) == ([], "refused")
    assert result.rows[0]["why"] == "this cluster has no node disruption policies, which OpenShift serves since 4.17"


@pytest.mark.parametrize(
    "manager, force, status, why",
    [
        (THEM, False, "refused", "set by kubectl-edit; change it there"),
        (THEM, True, "would_change", "the trigger drains the nodes and does not reboot them"),
        (ARGO, True, "refused", "set by argocd-controller; change it there"),
    ],
)
def test_an_entry_of_somebody_else(manager: str, force: bool, status: str, why: str) -> None:
    result = plan(policy("Reboot", "Reboot", manager), force=force)
    assert [(row["status"], row["why"]) for row in result.rows] == [(status, why)]
    assert result.force_conflicts == bool(result.definitions) == (status == "would_change")


@pytest.mark.parametrize(
    "asked, effective, settled", [(None, None, True), ("Drain", None, False), ("Drain", "Drain", True)]
)
def test_whether_the_operator_has_followed(asked: str | None, effective: str | None, settled: bool) -> None:
    assert policy(asked, effective, US).settled == settled


def test_which_definitions_serve_policies() -> None:
    field = {
        "schema": {
            "openAPIV3Schema": {"properties": {"spec": {"properties": {"nodeDisruptionPolicy": {"type": "object"}}}}}
        }
    }
    assert serves_policies({"spec": {"versions": [{"served": True, **field}]}})
    assert not serves_policies({"spec": {"versions": [{"served": False, **field}, {"served": True}]}})
    assert not serves_policies({})
