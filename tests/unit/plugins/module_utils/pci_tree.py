# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory that looks like a host's sysfs, procfs and configuration."""

from __future__ import annotations

import typing as t
from pathlib import Path

CMDLINE = "BOOT_IMAGE=/vmlinuz root=UUID=1 ro quiet"


class Host:
    """Builds the files that the modules read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("proc/self/mountinfo", "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n")
        self.write("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n")
        self.cpu("vmx")
        self.write("proc/cmdline", CMDLINE)
        self.directory("sys/bus/pci/devices")
        self.directory("sys/block")

    def write(self, path: str, text: str) -> Path:
        """Write a file, and make its directories."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def directory(self, path: str) -> Path:
        """Make a directory."""
        (self.root / path).mkdir(parents=True, exist_ok=True)
        return self.root / path

    def link(self, path: str, target: Path) -> None:
        """Make a symbolic link to an absolute path."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).symlink_to(target)

    def cpu(self, flag: str) -> None:
        """Give the processor a flag."""
        self.write("proc/cpuinfo", f"processor : 0\nflags\t\t: fpu sse {flag} lm\n")

    def table(self, name: str) -> None:
        """Let the firmware announce something."""
        self.write(f"sys/firmware/acpi/tables/{name}", "")

    def device(
        self, address: str, identity: str, code: str = "010802", group: int | None = None, **files: t.Any
    ) -> None:
        """Add a PCI device; ``identity`` is vendor:product, ``files`` are attributes of it."""
        path = f"sys/devices/pci0000:00/{address}"
        vendor, product = identity.split(":")
        for name, text in {"vendor": f"0x{vendor}", "device": f"0x{product}", "class": f"0x{code}", **files}.items():
            self.write(f"{path}/{name}", f"{text}\n")
        self.link(f"sys/bus/pci/devices/{address}", self.root / path)
        if group is not None:
            self.directory(f"sys/kernel/iommu_groups/{group}/devices")
            self.link(f"sys/kernel/iommu_groups/{group}/devices/{address}", self.root / path)
            self.link(f"{path}/iommu_group", self.root / f"sys/kernel/iommu_groups/{group}")

    def disk(self, name: str, address: str, number: str, partitions: t.Mapping[str, str] | None = None) -> None:
        """Give a device a disk; ``partitions`` are {name: major:minor}."""
        path = self.directory(f"sys/devices/pci0000:00/{address}/nvme/nvme0/{name}")
        self._fill(path, number, partitions or {})
        self.link(f"sys/block/{name}", path)

    def multipath_disk(self, name: str, address: str, number: str) -> None:
        """Give a device a disk as native multipath does: below the subsystem, with a hidden path below the device."""
        subsystem = self.directory("sys/devices/virtual/nvme-subsystem/nvme-subsys0")
        controller = self.directory(f"sys/devices/pci0000:00/{address}/nvme/nvme0")
        self.link("sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0", controller)
        self._fill(self.directory(f"{subsystem.relative_to(self.root)}/{name}"), number, {})
        self.link(f"sys/block/{name}", subsystem / name)
        hidden = self.directory(f"sys/devices/pci0000:00/{address}/nvme/nvme0/nvme0c0n1")
        (hidden / "hidden").write_text("1\n")
        self.link("sys/block/nvme0c0n1", hidden)

    def mount(self, number: str, source: str, target: str) -> None:
        """Add a line to mountinfo."""
        with (self.root / "proc/self/mountinfo").open("a") as stream:
            stream.write(f"30 22 {number} / {target} rw,relatime shared:1 - xfs {source} rw\n")

    def _fill(self, path: Path, number: str, partitions: t.Mapping[str, str]) -> None:
        (path / "dev").write_text(f"{number}\n")
        (path / "size").write_text("2097152\n")
        for partition, its_number in partitions.items():
            (path / partition).mkdir()
            (path / partition / "partition").write_text("1\n")
            (path / partition / "dev").write_text(f"{its_number}\n")
