# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What a host must have before a device can be passed through: virtualization and an IOMMU.

* VT-x and AMD-V are the CPU flags vmx and svm. Kernels since 5.6 hide a flag that the firmware has switched off.
* The firmware announces an IOMMU by an ACPI table: DMAR is Intel's (VT-d), IVRS is AMD's (AMD-Vi).
* Whether it is in use shows in /sys/kernel/iommu_groups: without groups nothing can be passed through.

Kernel documentation: admin-guide/kernel-parameters.txt. intel_iommu= is off by default in most distributions; AMD's
is on wherever there is an IVRS table, and amd_iommu= has no value ``on``. iommu=pt lets the host's own devices past it.
"""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._small_files import names, read_text

_TABLES = {"DMAR": "intel", "IVRS": "amd"}
_FLAGS = {"vmx": "VT-x", "svm": "AMD-V"}
_ARGUMENTS = {"intel": ["intel_iommu=on", "iommu=pt"], "amd": ["iommu=pt"]}
_REFUSED = {"amd": ["amd_iommu=off"]}
# The kernel's names of a process are cut off after 15 characters.
_QEMU = re.compile(r"qemu-kvm|qemu-system-.*|kvm")


class Host(t.NamedTuple):
    """What a host says of itself; ``iommu`` is intel, amd, or None where the firmware announces none."""

    virtualization: str | None
    iommu: str | None
    iommu_groups: int
    cmdline: str
    running_guests: int

    @property
    def iommu_active(self) -> bool:
        """Return whether the running kernel uses an IOMMU."""
        return self.iommu_groups > 0

    def kernel_arguments(self) -> list[str]:
        """Return what the kernel needs to be told at boot so that devices can be passed through."""
        return list(_ARGUMENTS.get(self.iommu or "", []))

    def blockers(self) -> list[str]:
        """Return what only a person at the firmware's setup can change."""
        reasons = []
        if self.virtualization is None:
            reasons.append(
                "the processor shows neither VT-x nor AMD-V: switch virtualization on in the firmware's setup"
            )
        if self.iommu is None and not self.iommu_active:
            reasons.append("the firmware announces no IOMMU: switch VT-d (or AMD-Vi, IOMMU) on in its setup")
        return reasons

    def facts(self) -> dict[str, t.Any]:
        """Return the host as the modules report it."""
        return {
            **self._asdict(),
            "iommu_active": self.iommu_active,
            "kernel_arguments": self.kernel_arguments(),
            "refused_arguments": list(_REFUSED.get(self.iommu or "", [])),
            "blockers": self.blockers(),
        }


def read_host(root: str = "/") -> Host:
    """Return what sysfs and procfs below ``root`` say."""
    tables = set(names(os.path.join(root, "sys/firmware/acpi/tables")))
    return Host(
        virtualization=_virtualization(root),
        iommu=next((kind for table, kind in _TABLES.items() if table in tables), None),
        iommu_groups=len(names(os.path.join(root, "sys/kernel/iommu_groups"))),
        cmdline=read_text(root, "proc/cmdline"),
        running_guests=_running_guests(root),
    )


def _virtualization(root: str) -> str | None:
    match = re.search(r"^flags\s*:(.*)$", read_text(root, "proc/cpuinfo"), re.MULTILINE)
    flags = set(match.group(1).split()) if match else set()
    return next((name for flag, name in _FLAGS.items() if flag in flags), None)


def _running_guests(root: str) -> int:
    processes = (entry for entry in names(os.path.join(root, "proc")) if entry.isdigit())
    return sum(bool(_QEMU.fullmatch(read_text(root, "proc", entry, "comm"))) for entry in processes)
