# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.compare import (
    SLACK_S,
    Comparison,
    compare_v2,
    compare_v3,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.keys import (
    V2Key,
    V3Key,
    digest_of,
    digest_of_keys,
    flatten,
    parse_expiration,
    read_keys,
    write_keys,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.leases import count_by_prefix, wanting
from hypothesis import given
from hypothesis import strategies as st

NOW = 1_000_000.0
A, B = digest_of(b"a"), digest_of(b"b")

some_keys = st.dictionaries(
    st.text(min_size=1, max_size=20),
    st.builds(V2Key, st.just(A), st.one_of(st.none(), st.floats(0, 2e9, allow_nan=False))),
    max_size=10,
)


def test_a_directory_is_no_key_and_gives_its_time_to_its_keys() -> None:
    node = {
        "dir": True,
        "nodes": [
            {"key": "/stays", "value": "a"},
            {"key": "/empty", "dir": True},
            {
                "key": "/dir",
                "dir": True,
                "expiration": "1970-01-01T00:10:00Z",
                "nodes": [
                    {"key": "/dir/long", "value": "a", "expiration": "1970-01-01T00:20:00Z"},
                    {"key": "/dir/short", "value": "b", "expiration": "1970-01-01T00:00:30.5Z"},
                    {"key": "/dir/none", "value": ""},
                ],
            },
        ],
    }
    assert dict(flatten(node)) == {
        "/stays": V2Key(A),
        "/dir/long": V2Key(A, 600.0),
        "/dir/short": V2Key(B, 30.5),
        "/dir/none": V2Key(digest_of(b""), 600.0),
    }


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00.xZ"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(TuningError, match="no moment in time"):
        parse_expiration(text)


@given(some_keys)
def test_a_list_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, keys: dict[str, V2Key]) -> None:
    path = tmp_path_factory.mktemp("keys") / "keys.jsonl"
    write_keys(path, keys)
    assert read_keys(path) == keys
    assert path.stat().st_mode & 0o777 == 0o600


@given(some_keys, st.text(min_size=21, max_size=22))
def test_a_digest_is_of_keys_that_stay(keys: dict[str, V2Key], new: str) -> None:
    before = digest_of_keys(keys)
    assert digest_of_keys({**keys, new: V2Key(A, 5.0)}) == before
    assert digest_of_keys({**keys, new: V2Key(A)}) != before
    assert digest_of_keys(dict(reversed(list(keys.items())))) == before


@pytest.mark.parametrize("content", ["", None, '["/a", "x"]\n', "no json\n"])
def test_a_damaged_list_is_told(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "keys.jsonl"
    if content is not None:
        path.write_text(content)
    if content == "":
        assert read_keys(path) == {}
    else:
        with pytest.raises(TuningError, match="cannot be read"):
            read_keys(path)


LEASES = {1: 100.0, 2: 1.0}
CASES: dict[str, tuple[V2Key, V3Key | None, str]] = {
    "same": (V2Key(A), V3Key(A), "same"),
    "missing": (V2Key(A), None, "missing"),
    "different": (V2Key(A), V3Key(B), "different"),
    "leased, and should stay": (V2Key(A), V3Key(A, 1), "wrong_time"),
    "leased for the rest": (V2Key(A, NOW + 103), V3Key(A, 1), "same"),
    "leased for too short": (V2Key(A, NOW + 200), V3Key(A, 1), "wrong_time"),
    "leased for too long": (V2Key(A, NOW + 20), V3Key(A, 1), "wrong_time"),
    "stays, and should not": (V2Key(A, NOW + 100), V3Key(A), "unleased"),
    "its lease has ended too early": (V2Key(A, NOW + 100), V3Key(A, 9), "unleased"),
    "its lease has just ended": (V2Key(A, NOW + 1), V3Key(A, 9), "expired"),
    "has expired, and goes in a moment": (V2Key(A, NOW - 500), V3Key(A, 2), "same"),
    "has expired": (V2Key(A, NOW - 1), None, "expired"),
    "is about to expire": (V2Key(A, NOW + SLACK_S - 1), None, "expired"),
    "went too early": (V2Key(A, NOW + SLACK_S + 1), None, "missing"),
}


@pytest.mark.parametrize(("old", "new", "counted"), CASES.values(), ids=CASES.keys())
def test_each_key_counts_once(old: V2Key, new: V3Key | None, counted: str) -> None:
    found = compare_v3({"/k": old}, {} if new is None else {"/k": new}, LEASES, NOW).as_result()
    assert found[counted] == 1
    assert sum(found[name] for name in found if name not in ("expiring", "alike")) == 1
    assert found["alike"] is (counted in ("same", "expired"))


def test_a_key_that_was_not_there_is_told() -> None:
    found = compare_v3({}, {"/new": V3Key(A)}, {}, NOW)
    assert not found.alike()
    assert (
        found.words() == "0 keys are the same, 0 of them with their time to live, 1 that were not there before (/new)"
    )


def test_many_keys_are_told_by_some() -> None:
    found = Comparison(missing=[f"/{number}" for number in range(9)])
    assert found.words().endswith("9 missing (/0, /1, /2, /3, /4, ...)")


@pytest.mark.parametrize(
    ("old", "new", "alike"),
    [
        (V2Key(A, NOW + 50), V2Key(A, NOW + 50), True),
        (V2Key(A, NOW + 50), V2Key(A), False),
        (V2Key(A), V2Key(B), False),
        (V2Key(A), None, False),
        (V2Key(A, NOW), None, True),
    ],
)
def test_v2_keys_are_compared_with_their_moment(old: V2Key, new: V2Key | None, alike: bool) -> None:
    assert compare_v2({"/k": old}, {} if new is None else {"/k": new}, NOW).alike() is alike


def test_keys_with_a_time_are_told_by_the_platforms_prefixes() -> None:
    keys: dict[str, V2Key] = {
        "/kubernetes.io/events/a": V2Key(A, 1.0),
        "/kubernetes.io/events/b": V2Key(A, 1.0),
        "/kubernetes.io/eventsource": V2Key(A, 1.0),
        "/openshift.io/oauth/accesstokens/t": V2Key(A, 1.0),
        "/kubernetes.io/pods/p": V2Key(A),
    }
    assert count_by_prefix(keys) == {"events": 2, "others": 1, "access tokens": 1}


def test_only_keys_without_a_lease_want_one() -> None:
    before: dict[str, V2Key] = {name: V2Key(A, 10.2) for name in ("/has", "/wants", "/gone")} | {"/stays": V2Key(A)}
    now: t.Mapping[str, V3Key] = {"/has": V3Key(A, 4), "/wants": V3Key(A), "/stays": V3Key(A)}
    assert wanting(before, now) == {11: ["/wants"]}
