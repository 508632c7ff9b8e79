# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The words that several parts of the report share."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._report.languages import ENGLISH, Language

STATUS_WORDS = {
    "failed": "failed",
    "refused": "refused",
    "overridden": "overridden",
    "pending": "pending",
    "would_change": "would change",
    "changed": "changed",
    "note": "noted",
    "ok": "right already",
}

ROLE_TITLES = {
    "ceph_network": "Network of the Ceph hosts",
    "ceph_pools": "Placement groups",
    "ceph_metrics": "Ceph metrics",
    "cnv_fleet": "Fleet of VMs",
    "cnv_latency": "Latency of VMs",
    "cnv_migration": "Zones and live migration",
    "cnv_storage": "Storage and golden images",
    "etcd_defragment": "Defragmentation of etcd",
    "etcd_disk": "Disks of the etcd hosts",
    "etcd_host": "etcd hosts",
    "etcd_migrate": "Migration of etcd to the v3 storage",
    "ocp_kubelet": "Kubelets",
    "ocp_rollout": "Rollout over the nodes",
    "ocp_upgrade": "Upgrade of the cluster",
    "openstack_pci": "NVMe devices for virtual machines",
}

SUBJECT_TITLES = {
    "tuning": "Network, placement groups and rollouts",
    "deployments": "Deployment of VMs",
    "storms": "Boot storm",
    "latencies": "Latency of VMs",
    "migrations": "Live migration",
    "upgrades": "Upgrade of the cluster",
    "etcd": "etcd hosts",
}

STEP_TITLES = {
    "measure": "What was measured",
    "plan": "What was planned, and from what",
    "apply": "What applying it returned",
    "verify": "What was read back",
}


def role_title(role: str, say: Language) -> str:
    """Return what a role is about, or its name."""
    return say(ROLE_TITLES[role]) if role in ROLE_TITLES else role


def verdict(counts: t.Mapping[str, int], say: Language = ENGLISH, measured: bool = False) -> str:
    """Return a run in one sentence, from how many of its values ended with each status."""
    wrong = counts["failed"] + counts["refused"]
    told = (
        (wrong, "1 value failed or refused", "{number:,} values failed or refused"),
        (counts["overridden"], "1 value overridden", "{number:,} values overridden"),
        (
            counts["pending"],
            "1 value waiting for permission to disrupt",
            "{number:,} values waiting for permission to disrupt",
        ),
        (counts["would_change"], "1 value would change", "{number:,} values would change"),
        (counts["changed"], "1 value set and read back", "{number:,} values set and read back"),
    )
    said = [say.many(number, one, several) for number, one, several in told if number]
    if counts["ok"] and len(said) == 1 and counts["would_change"]:
        said.append(say("the rest was right already"))
    elif counts["ok"] and not said:
        said.append(say("everything was right already"))
    elif measured and not said:
        said.append(say("measured, there was nothing to set"))
    if counts["note"]:
        said.append(say.many(counts["note"], "1 note to read", "{number:,} notes to read"))
    if not said:
        return say("Nothing was recorded.")
    text = say(", ").join(said)
    return f"{text[0].upper()}{text[1:]}{say('.')}"
