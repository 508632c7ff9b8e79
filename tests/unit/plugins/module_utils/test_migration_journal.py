# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal: what is written stays, wherever the writer was killed."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._journal import Journal, read_entries
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.history import History
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.journal import journal_path
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.times import facts_of_migration
from child_process import environment
from hypothesis import given
from hypothesis import strategies as st
from kubevirt_cluster import NOON, moved

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
ENTRIES = st.lists(
    st.dictionaries(st.text(), VALUES, max_size=4).map(lambda entry: {**entry, "kind": "vm"}), max_size=8
)


def write(path: Path, entries: list[dict[str, object]]) -> bytes:
    journal = Journal(path)
    for entry in entries:
        journal.append(entry)
    journal.close()
    return path.read_bytes()


@given(entries=ENTRIES, data=st.data())
def test_any_beginning_of_a_journal_is_a_journal(
    tmp_path_factory: pytest.TempPathFactory, entries: list[dict[str, object]], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("run") / "migrations.jsonl"
    content = write(path, entries)
    cut = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:cut])
    journal = Journal(path)
    assert journal.entries == entries[: len(journal.entries)]
    assert len(journal.entries) == content[:cut].count(b"\n")
    journal.append({"kind": "vm", "after": cut})
    journal.close()
    assert read_entries(path.read_bytes())[0] == [*journal.entries, {"kind": "vm", "after": cut}]


def test_it_is_its_owners_alone(tmp_path: Path) -> None:
    path = journal_path(tmp_path, "20260801T120000Z-migrate")
    Journal(path).close()
    assert path == tmp_path / "20260801T120000Z-migrate" / "migrations.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_an_id_is_not_a_path(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="virtscale_run_id"):
        journal_path(tmp_path, "../elsewhere")


def test_two_runs_do_not_write_to_one_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.virtscale.tuning.plugins.module_utils._journal._LOCK_S", 0)
    path = tmp_path / "migrations.jsonl"
    first = Journal(path)
    with pytest.raises(TuningError, match="Another run is writing"):
        Journal(path)
    first.close()
    Journal(path).close()


@pytest.mark.parametrize("damage", [b"\0\0\0\n", b'{"kind": 3}\n', b"[]\n", b'{"kind":"vm"\n'])
def test_a_damaged_line_is_told_and_nothing_is_cut_off(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "migrations.jsonl"
    content = write(path, [{"kind": "vm", "vm": "a"}]) + damage + b'{"kind":"vm","vm":"b"}\n'
    path.write_bytes(content)
    with pytest.raises(TuningError, match="Line 2 of the journal"):
        Journal(path)
    assert path.read_bytes() == content


def test_a_directory_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TuningError, match="cannot be written"):
        Journal(tmp_path / "file" / "migrations.jsonl")


_WRITER = """
import sys
from pathlib import Path
from ansible_collections.virtscale.tuning.plugins.module_utils._journal import Journal
journal = Journal(Path(sys.argv[1]))
number = len(journal.entries)
while True:
    journal.append({"kind": "vm", "vm": "x" * (number % 500), "number": number})
    number += 1
"""


def test_what_was_written_survives_the_killing_of_the_writer(tmp_path: Path) -> None:
    path = tmp_path / "migrations.jsonl"
    for _time in range(3):
        size = path.stat().st_size if path.exists() else 0
        with subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], env=environment()) as writer:
            while not path.exists() or path.stat().st_size < size + 100_000:
                assert writer.poll() is None
                time.sleep(0.01)
            writer.send_signal(signal.SIGKILL)
    numbers = [entry["number"] for entry in read_entries(path.read_bytes())[0]]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > 100


@given(cuts=st.lists(st.floats(0, 1), max_size=4))
def test_a_history_is_the_same_however_often_it_was_cut_off_and_learned_again(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[float]
) -> None:
    """Each run finds what the journal has kept, hears everything again from the API, and loses the end when killed."""
    told = [facts_of_migration(moved(f"vm{number}", f"uid{number}", number), NOON) for number in range(5)]
    path = tmp_path_factory.mktemp("run") / "migrations.jsonl"
    for cut in [*cuts, 1.0]:
        journal, history = Journal(path), History()
        for entry in journal.entries:
            history.learn(entry)
        for facts in told:
            new = history.learn({"kind": "migration", **facts})
            if new is not None:
                journal.append(new)
        journal.close()
        content = path.read_bytes()
        path.write_bytes(content[: round(len(content) * cut)])
    entries, _whole = read_entries(path.read_bytes())
    history = History()
    assert all(history.learn(entry) for entry in entries)
    assert [m.total_s for m in history.migrations.values()] == [11.0] * 5
    assert len(entries) == 5
