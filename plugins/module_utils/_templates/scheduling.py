# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Whether the nodes offer what a machine asks of its node by more than cpu and memory."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object, value_at

# virt-handler labels its node with each machine type of its QEMU, and virt-controller selects by that label.
_LABEL = "machine-type.node.kubevirt.io/"
_ALIAS = "q35"


def machine_types_of(labels: t.Mapping[str, str]) -> set[str]:
    """Return the machine types that a node offers, by its labels; empty on KubeVirt that does not tell."""
    return {name[len(_LABEL) :] for name, value in labels.items() if name.startswith(_LABEL) and value == "true"}


def machine_type_trouble(machine: Object, offered: t.Collection[str]) -> str | None:
    """Return why no node would take a VirtualMachine, or None.

    :param offered: the machine types of all nodes together.
    """
    wanted = value_at(machine, ("spec", "template", "spec", "domain", "machine", "type"))
    if not offered or wanted is None or wanted in offered:
        return None
    others = ", ".join(sorted(set(offered) - {_ALIAS})) or _ALIAS
    return (
        f"No node offers the machine type {wanted}, so the machines would never start; they offer {others}. "
        "Set spec.template.spec.domain.machine.type in overrides."
    )
