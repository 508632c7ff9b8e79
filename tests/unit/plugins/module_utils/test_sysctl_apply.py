# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl import apply as sysctl_apply
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl import flow as sysctl_flow
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.kernel import Kernel, Rejected
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.sysctl_tree import Tree

BUFFERS = {"net.core.rmem_max": 5242880, "net.ipv4.tcp_rmem": [4096, 131072, 5242880]}
CACHE = {f"net.ipv4.neigh.default.gc_thresh{n}": value for n, value in ((1, 4096), (2, 16384), (3, 32768))}
FILES: dict[str, dict[str, t.Any]] = {"99.7-cache.conf": CACHE, "99.5-buffers.conf": BUFFERS}
NEVER_LOWER = ["net.core.*mem_max", "net.ipv4.tcp_*mem"]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def by_key(result: dict[str, t.Any]) -> dict[str, dict[str, str | None]]:
    return {row["what"]: row for row in result["rows"]}


def comparable(rows: list[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    """Rows without what only a real run can know."""
    status = {"would_change": "changed"}
    return [{**row, "effective": None, "status": status.get(row["status"], row["status"])} for row in rows]


def test_files_and_kernel_get_what_is_asked_for(tree: Tree) -> None:
    result = tree.apply(FILES)
    assert result["changed"]
    assert result["files"] == ["/etc/sysctl.d/99.7-cache.conf", "/etc/sysctl.d/99.5-buffers.conf"]
    assert tree.running("net.core.rmem_max") == "5242880"
    assert tree.running("net.ipv4.tcp_rmem") == "4096 131072 5242880"
    assert "\nnet.core.rmem_max = 5242880\n" in tree.read("/etc/sysctl.d/99.5-buffers.conf")
    row = by_key(result)["net.core.rmem_max"]
    assert (row["before"], row["wanted"], row["effective"], row["status"]) == (
        "212992",
        "5242880",
        "5242880",
        "changed",
    )


def test_a_second_run_changes_nothing(tree: Tree) -> None:
    tree.apply(FILES, never_lower=NEVER_LOWER)
    state = tree.state()
    result = tree.apply(FILES, never_lower=NEVER_LOWER)
    assert not result["changed"]
    assert result["diff"] == []
    assert {row["status"] for row in result["rows"]} == {"ok"}
    assert tree.state() == state


def test_what_was_there_before_comes_back(tree: Tree) -> None:
    before = tree.state()
    tree.apply(FILES)
    tree.apply(FILES | {"99.5-buffers.conf": BUFFERS | {"net.core.rmem_max": 8388608}})
    assert tree.give_back(*FILES)["changed"]
    after = tree.state()
    # The kernel prints a tab where the record has a space.
    assert after.pop("proc/sys/net/ipv4/tcp_rmem")[0].split() == before.pop("proc/sys/net/ipv4/tcp_rmem")[0].split()
    assert after == before
    assert not tree.give_back(*FILES)["changed"]


def test_a_file_of_somebody_else_comes_back_too(tree: Tree) -> None:
    theirs = "# ours\r\nnet.core.rmem_max=1 #default value 212992\nkernel.pid_max = 5\n"
    tree.write("/etc/sysctl.d/99.5-buffers.conf", theirs)
    (tree.root / "etc/sysctl.d/99.5-buffers.conf").chmod(0o600)
    result = tree.apply(FILES)
    note = by_key(result)["/etc/sysctl.d/99.5-buffers.conf"]
    assert note["status"] == "note"
    assert str(note["why"]).endswith("from the next boot it no longer sets kernel.pid_max")
    tree.apply(FILES)
    tree.give_back(*FILES)
    assert tree.state()["etc/sysctl.d/99.5-buffers.conf"] == (theirs.replace("\r\n", "\n"), 0o600)
    assert (tree.root / "etc/sysctl.d/99.5-buffers.conf").read_bytes() == theirs.encode()


def test_giving_back_leaves_a_file_that_is_not_ours(tree: Tree) -> None:
    tree.write("/etc/sysctl.d/99.5-buffers.conf", "net.core.rmem_max = 1\n")
    state = tree.state()
    result = tree.give_back("99.5-buffers.conf", "missing.conf")
    assert not result["changed"]
    assert [row["status"] for row in result["rows"]] == ["note"]
    assert tree.state() == state


def test_a_key_that_is_no_longer_asked_for_is_given_back(tree: Tree) -> None:
    tree.apply(FILES)
    result = tree.apply(FILES | {"99.5-buffers.conf": {"net.core.rmem_max": 5242880}})
    assert tree.running("net.ipv4.tcp_rmem") == "4096 131072 6291456"
    assert by_key(result)["net.ipv4.tcp_rmem"]["status"] == "changed"
    assert "tcp_rmem" not in tree.read("/etc/sysctl.d/99.5-buffers.conf")


def test_a_key_that_moves_to_another_file_keeps_its_record(tree: Tree) -> None:
    tree.apply({"a.conf": BUFFERS, "b.conf": CACHE})
    tree.apply({"a.conf": {}, "b.conf": CACHE | BUFFERS})
    assert not (tree.root / "etc/sysctl.d/a.conf").exists()
    tree.give_back("a.conf", "b.conf")
    assert tree.running("net.core.rmem_max") == "212992"


@pytest.mark.parametrize(
    "running, kept",
    [("4096 131072 6291456", "4096 131072 6291456"), ("8192 65536 1048576", "8192 131072 5242880")],
)
def test_a_larger_running_value_is_kept_number_by_number(tree: Tree, running: str, kept: str) -> None:
    tree.write("/proc/sys/net/ipv4/tcp_rmem", running)
    result = tree.apply(FILES, never_lower=NEVER_LOWER)
    assert tree.running("net.ipv4.tcp_rmem") == kept
    assert f"net.ipv4.tcp_rmem = {kept}\n" in tree.read("/etc/sysctl.d/99.5-buffers.conf")
    assert "never lowered" in str(by_key(result)["net.ipv4.tcp_rmem"]["why"])


@pytest.mark.parametrize(
    "file, moment",
    [
        ("/etc/sysctl.d/zz-storage.conf", "sets 1000 at the next boot"),
        ("/usr/lib/sysctl.d/ceph.conf", "sets 1000 at the next boot"),
        ("/etc/sysctl.d/99.6-x-cephadm-tuned-profile.conf", "written by cephadm from a tuned profile sets 1000 at"),
        ("/etc/sysctl.conf", "sets 1000 whenever `sysctl --system` runs"),
    ],
)
def test_the_file_that_wins_is_named(tree: Tree, file: str, moment: str) -> None:
    tree.write(file, "# theirs\nnet.core.rmem_max = 1000\n")
    row = by_key(tree.apply(FILES))["net.core.rmem_max"]
    assert row["status"] == "overridden"
    assert f"{file} line 2" in str(row["why"])
    assert moment in str(row["why"])
    assert row["effective"] == "5242880"


@pytest.mark.parametrize("file, value", [("/etc/sysctl.d/10-x.conf", 1), ("/etc/sysctl.d/zz.conf", 5242880)])
def test_a_file_that_loses_or_agrees_is_no_override(tree: Tree, file: str, value: int) -> None:
    tree.write(file, f"net.core.rmem_max = {value}\n")
    assert by_key(tree.apply(FILES))["net.core.rmem_max"]["status"] == "changed"


def test_giving_back_does_not_fight_a_file_that_wins_meanwhile(tree: Tree) -> None:
    tree.apply(FILES)
    tree.write("/etc/sysctl.d/zz.conf", "net.core.rmem_max = 777\n")
    tree.write("/proc/sys/net/core/rmem_max", "777\n")
    tree.give_back(*FILES)
    assert tree.running("net.core.rmem_max") == "777"
    assert tree.running("net.ipv4.neigh.default.gc_thresh1") == "128"


BAD_REQUESTS: list[tuple[dict[str, dict[str, t.Any]], str]] = [
    ({"a.conf": {"net.core.no_such": 1}}, "net.core.no_such does not exist in the running kernel"),
    ({"a.conf": {"net.core.rmem_max": "5M"}}, "net.core.rmem_max cannot be 5M: the kernel holds 1 whole number"),
    ({"a.conf": {"net.ipv4.tcp_rmem": 5}}, "net.ipv4.tcp_rmem cannot be 5: the kernel holds 3 whole numbers"),
    ({"a.conf": {"net.core.rmem_max": True}}, "net.core.rmem_max is True"),
    ({"a.conf": {"net.core.rmem_max": 1}, "b.conf": {"net/core/rmem_max": 2}}, "is set in a.conf and in b.conf"),
    ({"a.txt": {}}, "files.name is 'a.txt'"),
    ({"../a.conf": {}}, "files.name is '../a.conf'"),
    ({"x-cephadm-tuned-profile.conf": {}}, "files.name is 'x-cephadm-tuned-profile.conf'"),
]


@pytest.mark.parametrize("files, sentence", BAD_REQUESTS)
@pytest.mark.parametrize("check", [True, False])
def test_a_bad_request_changes_nothing(
    tree: Tree, files: dict[str, dict[str, t.Any]], sentence: str, check: bool
) -> None:
    before = tree.state()
    with pytest.raises(TuningError) as refusal:
        tree.apply({"99.7-cache.conf": CACHE} | files, check=check)
    assert sentence in str(refusal.value)
    assert tree.state() == before


def test_the_same_file_twice_is_refused() -> None:
    with pytest.raises(TuningError, match=r"files names a\.conf twice"):
        sysctl_flow.read_requests([{"name": "a.conf", "settings": {}}, {"name": "a.conf", "settings": {}}])


def test_a_link_is_not_followed(tree: Tree) -> None:
    (tree.root / "etc/sysctl.d").mkdir(parents=True)
    (tree.root / "etc/sysctl.d/99.5-buffers.conf").symlink_to("/dev/null")
    with pytest.raises(TuningError, match=r"99\.5-buffers\.conf is a symbolic link to /dev/null"):
        tree.apply(FILES)


def test_peers_must_be_addresses(tree: Tree) -> None:
    with pytest.raises(InvalidValue, match="peers is '-f', but must be an address"):
        tree.apply(FILES, peers=["-f"])


Situation = t.Callable[[Tree], t.Any]


def applied_before(tree: Tree) -> None:
    tree.apply(FILES)


def changed_by_hand(tree: Tree) -> None:
    tree.apply(FILES)
    tree.write("/proc/sys/net/core/rmem_max", "1\n")


def file_mode_changed(tree: Tree) -> None:
    tree.apply(FILES)
    (tree.root / "etc/sysctl.d/99.7-cache.conf").chmod(0o600)


def applied_with_other_keys(tree: Tree) -> None:
    tree.apply({"99.5-buffers.conf": {"net.core.wmem_max": 9}})


WITHOUT_THE_VALUE: list[Situation] = [
    lambda tree: None,
    changed_by_hand,
    applied_with_other_keys,
    lambda tree: tree.write("/etc/sysctl.d/zz.conf", "net.core.rmem_max = 3\n"),
    lambda tree: tree.write("/etc/sysctl.d/99.5-buffers.conf", "net.core.rmem_max = 3\n"),
    lambda tree: tree.write("/proc/sys/net/core/rmem_max", "99999999\n"),
]
SITUATIONS: list[Situation] = [*WITHOUT_THE_VALUE, applied_before, file_mode_changed]


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("state", ["present", "absent"])
def test_check_mode_says_what_then_happens_and_does_nothing(tree: Tree, situation: Situation, state: str) -> None:
    situation(tree)
    before = tree.state()
    options: dict[str, t.Any] = {"state": state, "never_lower": NEVER_LOWER}
    predicted = tree.apply(FILES, check=True, **options)
    assert tree.state() == before
    happened = tree.apply(FILES, **options)
    assert comparable(predicted["rows"]) == comparable(happened["rows"])
    assert {k: v for k, v in predicted.items() if k != "rows"} == {k: v for k, v in happened.items() if k != "rows"}
    assert (tree.state() != before) is happened["changed"]
    assert not tree.apply(FILES, **options)["changed"]


class Stubborn(Kernel):
    """Takes every value but one."""

    def write(self, path: str, value: str) -> None:
        if path == "net/core/rmem_max" and value == "5242880":
            raise Rejected(path, "net.core.rmem_max = 5242880: the kernel refused it (Invalid argument)")
        super().write(path, value)


@pytest.mark.parametrize("situation", WITHOUT_THE_VALUE)
def test_of_a_rejected_value_nothing_is_kept(tree: Tree, situation: Situation, monkeypatch: pytest.MonkeyPatch) -> None:
    situation(tree)
    before = tree.state()
    monkeypatch.setattr(sysctl_flow, "Kernel", Stubborn)
    with pytest.raises(TuningError) as refusal:
        tree.apply(FILES)
    assert str(refusal.value).endswith("(Invalid argument); files and kernel are as before.")
    rows = {row["what"]: row for row in refusal.value.details["rows"]}
    assert rows["net.core.rmem_max"]["status"] == "failed"
    assert rows["net.core.rmem_max"]["effective"] == before["proc/sys/net/core/rmem_max"][0].strip()
    after = tree.state()
    for file, (text, mode) in before.items():
        assert after[file][0].split() == text.split()
        assert after[file][1] == mode
    assert after.keys() == before.keys()


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours runs after it."""


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("moment", range(1, 7))
def test_a_run_after_a_kill_ends_as_an_undisturbed_one(
    tmp_path: Path, situation: Situation, state: str, moment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed, killed = Tree(tmp_path / "one"), Tree(tmp_path / "other")
    situation(undisturbed)
    situation(killed)
    undisturbed.apply(FILES, state=state)

    steps = iter(range(1, 100))

    def dying(function: t.Callable[..., t.Any]) -> t.Callable[..., t.Any]:
        def step(*args: t.Any, **kwargs: t.Any) -> t.Any:
            if next(steps) == moment:
                raise Killed
            return function(*args, **kwargs)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(sysctl_apply.os, "replace", dying(sysctl_apply.os.replace))
        patch.setattr(sysctl_apply.os, "unlink", dying(sysctl_apply.os.unlink))
        patch.setattr(Kernel, "write", dying(Kernel.write))
        with contextlib.suppress(Killed):
            killed.apply(FILES, state=state)
    killed.apply(FILES, state=state)
    assert killed.state() == undisturbed.state()

    # The record of what was there first has outlived the kill.
    undisturbed.give_back(*FILES)
    killed.give_back(*FILES)
    assert killed.state() == undisturbed.state()
