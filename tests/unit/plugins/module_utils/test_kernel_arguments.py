# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel arguments with both tools: a grub-mkconfig and a grubby that do with files what the real ones do."""

from __future__ import annotations

import re
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._boot.keep import keep_arguments
from ansible_collections.virtscale.tuning.plugins.module_utils._boot.words import contradictions, missing, words
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from hypothesis import given
from hypothesis import strategies as st
from pci_tree import Host

INTEL = ["intel_iommu=on", "iommu=pt"]
DROPIN = "etc/default/grub.d/virtscale-openstack_pci.cfg"


class Grub:
    """Makes grub.cfg by the shell out of the same files as grub-mkconfig does."""

    def __init__(self, root: Path, dropins: bool = True) -> None:
        self.host, self.root, self.calls = Host(root), root, 0
        self.dropins = dropins
        self.breaks = ""
        self.host.write("usr/sbin/grub-mkconfig", "for x in ${sysconfdir}/default/grub.d/*.cfg\n" if dropins else "")
        self.host.write("usr/sbin/update-grub", "")
        self.defaults('GRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX="console=ttyS0"\n')
        self.run(["update-grub"])
        self.calls = 0

    def defaults(self, text: str) -> None:
        self.host.write("etc/default/grub", text)

    def run(self, arguments: t.Sequence[str]) -> str:
        assert arguments == ["update-grub"]
        self.calls += 1
        if self.breaks == "fails":
            raise TuningError("update-grub failed: no space left on device.")
        script = ". etc/default/grub; for f in etc/default/grub.d/*.cfg; do [ ! -e $f ] || . $f; done;"
        script = script if self.dropins else ". etc/default/grub;"
        script += 'printf "%s|%s" "$GRUB_CMDLINE_LINUX" "$GRUB_CMDLINE_LINUX_DEFAULT"'
        shell = subprocess.run(
            ["sh", "-c", script.replace(". etc", ". ./etc")], cwd=self.root, capture_output=True, text=True, check=True
        )
        everywhere, usual = shell.stdout.split("|")
        if self.breaks == "drops":
            everywhere = everywhere.replace("console=ttyS0", "")
        lines = [f"\tlinux\t/boot/vmlinuz-6.1 root=UUID=1 ro {everywhere} {usual}\n\tinitrd /boot/initrd\n"] * 2
        lines.append(f"\t\tlinux\t/boot/vmlinuz-6.1 root=UUID=1 ro single {everywhere}\n")
        self.host.write("boot/grub/grub.cfg", "set default=0\n" + "".join(lines))
        return ""

    def cfg(self) -> str:
        return (self.root / "boot/grub/grub.cfg").read_text()

    def files(self) -> dict[str, str]:
        names = [path for path in (self.root / "etc/default").rglob("*") if path.is_file()]
        return {str(path.relative_to(self.root)): path.read_text() for path in names}


class Grubby:
    """Keeps boot entries as grubby does, its habit of replacing the value of a key included."""

    def __init__(self, root: Path) -> None:
        self.host, self.root, self.calls = Host(root), root, 0
        self.host.write("usr/sbin/grubby", "")
        self.entries = {
            "/boot/vmlinuz-5.14": "ro crashkernel=1G rhgb quiet $tuned_params",
            "/boot/vmlinuz-0-rescue": "ro",
        }
        self.confuses_keys = False

    def run(self, arguments: t.Sequence[str]) -> str:
        assert arguments[0] == "grubby"
        if arguments[1] == "--info=ALL":
            return "".join(
                f'index={n}\nkernel="{kernel}"\nargs="{line}"\nroot="UUID=1"\n'
                for n, (kernel, line) in enumerate(self.entries.items())
            )
        self.calls += 1
        assert arguments[1] == "--update-kernel=ALL"
        verb, _equals, value = arguments[2].partition("=")
        for kernel, line in self.entries.items():
            kept = words(line)
            for argument in value.split():
                kept = [word for word in kept if word != argument]
                if verb == "--args":
                    kept.append(argument)
            if self.confuses_keys and verb == "--args":
                kept = [re.sub("intel_iommu=on", "intel_iommu=pt", word) for word in kept]
            self.entries[kernel] = " ".join(kept)
        return ""


def keep(tool: Grub | Grubby, check_mode: bool = False, **params: t.Any) -> dict[str, t.Any]:
    given = {"name": "openstack_pci", "arguments": INTEL, "refused": [], "state": "present", "where": "h", **params}
    return keep_arguments(given, check_mode, tool.run, str(tool.root))


@pytest.fixture(params=["grub.d", "defaults", "grubby"])
def tool(request: pytest.FixtureRequest, tmp_path: Path) -> Grub | Grubby:
    if request.param == "grubby":
        return Grubby(tmp_path)
    return Grub(tmp_path, dropins=request.param == "grub.d")


def lines(result: dict[str, t.Any]) -> list[str]:
    return [entry["line"] for entry in result["entries"]]


def test_every_entry_gets_them_and_keeps_its_own(tool: Grub | Grubby) -> None:
    before = lines(keep(tool, arguments=[]))
    done = keep(tool)
    assert done["changed"]
    assert done["reboot_required"]
    for old, new in zip(before, lines(keep(tool)), strict=True):
        assert sorted(words(new)) == sorted([*words(old), *INTEL])


def test_a_second_run_changes_nothing(tool: Grub | Grubby) -> None:
    keep(tool)
    calls = tool.calls
    again = keep(tool)
    assert (again["changed"], again["diff"], tool.calls) == (False, [], calls)


def test_check_mode_says_what_then_happens(tool: Grub | Grubby) -> None:
    predicted = keep(tool, check_mode=True)
    assert tool.calls == 0
    done = keep(tool)
    assert (predicted["changed"], predicted["diff"]) == (done["changed"], done["diff"])
    assert [sorted(words(line)) for line in lines(predicted)] == [sorted(words(line)) for line in lines(keep(tool))]
    assert [line["status"] for line in predicted["rows"]] == ["would_change", "pending"]
    assert [line["status"] for line in done["rows"]] == ["changed", "pending"]


def test_absent_gives_back_what_was_there(tool: Grub | Grubby) -> None:
    before = lines(keep(tool, arguments=[]))
    keep(tool)
    assert keep(tool, state="absent")["changed"]
    assert lines(keep(tool, arguments=[])) == before
    assert not keep(tool, state="absent")["changed"]


def test_what_others_have_set_is_not_taken_away(tmp_path: Path) -> None:
    grub = Grub(tmp_path)
    grub.defaults('GRUB_CMDLINE_LINUX="iommu=pt"\n')
    grub.run(["update-grub"])
    before = grub.files()
    keep(grub)
    assert 'GRUB_CMDLINE_LINUX intel_iommu=on"' in (tmp_path / DROPIN).read_text()
    keep(grub, state="absent")
    assert grub.files() == before
    assert "iommu=pt" in grub.cfg()


def test_the_file_of_defaults_is_given_back_to_the_byte(tmp_path: Path) -> None:
    grub = Grub(tmp_path, dropins=False)
    before = grub.files()
    keep(grub)
    assert grub.files()["etc/default/grub"].startswith(before["etc/default/grub"])
    keep(grub, state="absent")
    assert grub.files() == before


def test_a_contradiction_is_refused_by_name(tool: Grub | Grubby) -> None:
    if isinstance(tool, Grub):
        tool.defaults('GRUB_CMDLINE_LINUX="intel_iommu=off"\n')
        tool.run(["update-grub"])
    else:
        tool.entries["/boot/vmlinuz-5.14"] += " intel_iommu=off"
    calls = tool.calls
    with pytest.raises(TuningError, match="already say intel_iommu=off"):
        keep(tool)
    assert tool.calls == calls


def test_what_undoes_the_arguments_is_refused(tmp_path: Path) -> None:
    grubby = Grubby(tmp_path)
    grubby.entries["/boot/vmlinuz-0-rescue"] += " amd_iommu=off"
    with pytest.raises(TuningError, match="amd_iommu=off"):
        keep(grubby, arguments=["iommu=pt"], refused=["amd_iommu=off"])


def test_a_tool_that_drops_somebody_elses_words_is_taken_back(tmp_path: Path) -> None:
    grub = Grub(tmp_path)
    before = grub.files()
    grub.breaks = "drops"
    with pytest.raises(TuningError, match="instead of"):
        keep(grub)
    assert grub.files() == before


def test_a_tool_that_takes_one_key_for_another_is_noticed(tmp_path: Path) -> None:
    grubby = Grubby(tmp_path)
    grubby.confuses_keys = True
    with pytest.raises(TuningError, match="intel_iommu=pt"):
        keep(grubby)


def test_a_tool_that_fails_leaves_the_files_as_before(tmp_path: Path) -> None:
    grub = Grub(tmp_path)
    before = grub.files()
    grub.breaks = "fails"
    with pytest.raises(TuningError, match="no space left"):
        keep(grub)
    assert grub.files() == before


def test_a_run_killed_before_the_tool_is_finished_by_the_next(tmp_path: Path) -> None:
    grub = Grub(tmp_path)
    keep(grub)
    cfg = grub.cfg()
    grub.host.write("boot/grub/grub.cfg", cfg.replace(" intel_iommu=on iommu=pt", ""))
    assert keep(grub)["changed"]
    assert grub.cfg() == cfg


def test_the_running_kernel_is_looked_at(tool: Grub | Grubby) -> None:
    tool.host.write("proc/cmdline", "ro iommu=pt intel_iommu=on,sm_on")
    done = keep(tool)
    assert not done["reboot_required"]
    assert [line["status"] for line in done["rows"]] == ["changed", "ok"]
    assert keep(tool, state="absent")["reboot_required"]


def test_without_a_known_boot_loader_nothing_is_done(tmp_path: Path) -> None:
    class Nothing(Grub):
        def __init__(self, root: Path) -> None:
            self.root = root

    with pytest.raises(TuningError, match="Neither grubby nor"):
        keep(Nothing(tmp_path))


@pytest.mark.parametrize("argument", ["a b", 'x="1"', "$(reboot)", "", "a=`b`", 7])
def test_only_plain_arguments_are_taken(tmp_path: Path, argument: t.Any) -> None:
    with pytest.raises(InvalidValue):
        keep(Grubby(tmp_path), arguments=[argument])


@pytest.mark.parametrize(
    ("line", "lacking", "against"),
    [
        ("ro quiet", INTEL, []),
        ("intel_iommu=on,sm_on iommu=pt", [], []),
        ("intel_iommu=sm_on iommu=pt", ["intel_iommu=on"], ["intel_iommu=sm_on"]),
        ("iommu=soft intel_iommu=on", ["iommu=pt"], ["iommu=soft"]),
        ('dyndbg="file a +p; iommu=pt" intel_iommu=on', ["iommu=pt"], []),
    ],
)
def test_command_lines_are_read_word_by_word(line: str, lacking: list[str], against: list[str]) -> None:
    assert missing(line, INTEL) == lacking
    assert contradictions(line, INTEL, []) == against


@given(st.lists(st.from_regex(r'[a-z_]{1,6}(=([a-z0-9,]{1,6}|"[a-z =]{0,6}"))?', fullmatch=True)))
def test_words_are_what_was_joined(given_words: list[str]) -> None:
    assert words("  ".join(given_words)) == given_words
