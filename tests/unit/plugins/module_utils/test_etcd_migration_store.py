# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import fcntl
import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration import store
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.layout import (
    MIGRATED,
    ORIGINAL,
    RESTORED,
    Layout,
    in_use,
)

SAYS_DONE = "#!/bin/sh\necho transformed >${2#--data-dir=}/member/snap/db\necho finished transforming keys\n"
FAILS: dict[str, tuple[str, str]] = {
    "ends badly": ("#!/bin/sh\necho finished transforming keys\nexit 1\n", "It ended with 1"),
    "says nothing": ("#!/bin/sh\n", "ended with 0 and: nothing"),
    "says something else": ("#!/bin/sh\necho failed to transform keys\n", "and: failed to transform keys"),
}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Return a data directory with a store, and a room for the migration."""
    made = Layout(tmp_path / "data")
    (made.member / "snap").mkdir(parents=True)
    (made.member / "snap/db").write_text("v2")
    (made.member / "snap/0001-0002.snap").write_text("snapshot")
    made.room.mkdir()
    return made


def program(tmp_path: Path, text: str) -> str:
    """Return an etcdctl of our own."""
    path = tmp_path / "etcdctl"
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def database(directory: Path) -> str:
    return (directory / "snap/db").read_text().strip()


def test_the_v2_store_is_kept_as_it_was_and_given_back(layout: Layout, tmp_path: Path) -> None:
    assert store.keep(layout)
    assert (layout.member.exists(), database(layout.kept)) == (False, "v2")
    assert not store.keep(layout)

    assert store.transform(layout, program(tmp_path, SAYS_DONE))
    assert (layout.mark(), database(layout.member), database(layout.kept)) == (MIGRATED, "transformed", "v2")
    assert not store.transform(layout, "/none")

    assert store.give_back(layout)
    assert (layout.mark(), database(layout.member)) == (ORIGINAL, "v2")
    assert database(layout.rejected) == "transformed"
    assert not store.give_back(layout)


@pytest.mark.parametrize(("text", "says"), FAILS.values(), ids=FAILS.keys())
def test_a_failed_transformation_leaves_nothing_in_use(layout: Layout, tmp_path: Path, text: str, says: str) -> None:
    store.keep(layout)
    with pytest.raises(TuningError, match=says):
        store.transform(layout, program(tmp_path, text))
    assert not layout.member.exists()
    assert database(layout.kept) == "v2"
    assert store.transform(layout, program(tmp_path, SAYS_DONE))


def test_half_a_transformation_begins_anew(layout: Layout, tmp_path: Path) -> None:
    store.keep(layout)
    (layout.work / "member/snap").mkdir(parents=True)
    (layout.work / "member/snap/db").write_text("half")
    store.transform(layout, program(tmp_path, SAYS_DONE))
    assert database(layout.member) == "transformed"
    assert not layout.work.exists()


def test_no_etcdctl_is_told(layout: Layout) -> None:
    store.keep(layout)
    with pytest.raises(TuningError, match="did not come to its end"):
        store.transform(layout, "/none/etcdctl")


def test_a_strange_store_is_not_replaced(layout: Layout) -> None:
    store.keep(layout)
    layout.member.mkdir()
    with pytest.raises(TuningError, match="is not a store that this migration has made"):
        store.transform(layout, "/none")
    with pytest.raises(TuningError, match="neither in use nor kept"):
        store.keep(Layout(layout.data_dir / "none"))


def test_a_running_member_is_left_alone(layout: Layout) -> None:
    with (layout.member / "snap/db").open("r+") as database_file:
        fcntl.flock(database_file, fcntl.LOCK_EX)
        assert in_use(layout.member)
        steps: list[t.Callable[[], t.Any]] = [
            lambda: store.keep(layout),
            lambda: store.use_backup(layout),
        ]
        for step in steps:
            with pytest.raises(TuningError, match="still runs on"):
                step()
    assert not in_use(layout.member)
    assert database(layout.member) == "v2"


def test_a_backup_takes_the_place_of_what_is_in_use_and_of_what_was_kept(layout: Layout, tmp_path: Path) -> None:
    (layout.backup / "member/snap").mkdir(parents=True)
    (layout.backup / "member/snap/db").write_text("backup")
    store.keep(layout)
    store.transform(layout, program(tmp_path, SAYS_DONE))
    assert store.use_backup(layout)
    assert (layout.mark(), database(layout.member), database(layout.abandoned)) == (RESTORED, "backup", "v2")
    assert database(layout.rejected) == "transformed"
    assert database(layout.backup / "member") == "backup"
    assert not layout.kept.exists()
    assert not store.use_backup(layout)


def test_a_later_migration_keeps_a_store_that_was_restored(layout: Layout, tmp_path: Path) -> None:
    (layout.member / RESTORED).touch()
    store.keep(layout)
    store.transform(layout, program(tmp_path, SAYS_DONE))
    assert sorted(os.listdir(layout.member)) == [MIGRATED, "snap"]
    assert sorted(os.listdir(layout.kept)) == ["snap", ORIGINAL]
