# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys are read and given leases alike by the gateway and, where that does not work, by etcdctl."""

from __future__ import annotations

import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.http_client import Access
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.api import Api, NoAnswer
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.keys import digest_of
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.leases import grant
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.reading import (
    count_v3_keys,
    encode,
    read_leases,
    read_v3_keys,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.throwaway import throwaway

pytestmark = pytest.mark.lab

STRANGE = ["/a b", '/q"uote', "/uniü日", "/back\\slash", "/single'q", "/tab\tx", "/-dash", "--flag", "/$(date)", "/%20"]
NAMES = [*STRANGE, *(f"/many/{number}" for number in range(1500))]


@pytest.fixture(scope="module")
def member(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Api]:
    """Start a member with keys."""
    with throwaway(tmp_path_factory.mktemp("etcd"), "etcd") as api:
        for name in NAMES:
            api.call("POST", "/v3/kv/put", body={"key": encode(name.encode()), "value": encode(b"v")})
        yield api


@pytest.mark.parametrize("way", ["gateway", "etcdctl"])
def test_keys_get_their_leases(member: Api, way: str) -> None:
    asked = Api(Access(member.access.url))
    asked._v3.via = way
    keys, revision = read_v3_keys(asked)
    assert set(keys) == set(NAMES)
    assert count_v3_keys(asked) == (len(NAMES), revision)
    wanted = [*STRANGE[1:], *NAMES[-300:]]
    assert grant(asked, time.time() + 500, wanted, keys, time.time()) == len(wanted)
    after, _revision = read_v3_keys(asked)
    (lease_id,) = {after[name].lease_id for name in wanted}
    assert after["/a b"].lease_id == 0
    assert {after[name].digest for name in wanted} == {digest_of(b"v")}
    assert 490 <= read_leases(asked, [lease_id])[lease_id] <= 500
    assert read_leases(asked, [4711]) == {}


@pytest.mark.parametrize("way", ["gateway", "etcdctl"])
def test_a_key_that_somebody_wrote_meanwhile_gets_none(member: Api, way: str) -> None:
    asked = Api(Access(member.access.url))
    asked._v3.via = way
    keys, _revision = read_v3_keys(asked)
    member.call("POST", "/v3/kv/put", body={"key": encode(b"/many/1"), "value": encode(b"new")})
    assert grant(asked, time.time() + 500, ["/many/0", "/many/1"], keys, time.time()) == 1
    after, _revision = read_v3_keys(asked)
    assert (after["/many/0"].lease_id > 0, after["/many/1"].lease_id) == (True, 0)
    assert after["/many/1"].digest == digest_of(b"new")


def test_what_does_not_start_is_told_in_its_own_words(tmp_path: Path) -> None:
    (tmp_path / "member").write_text("no directory")
    with pytest.raises(TuningError, match="does not start from the backup"):  # noqa: SIM117
        with throwaway(tmp_path, "etcd"):
            pass


def test_a_member_that_has_gone_is_told(member: Api) -> None:
    gone = Api(Access("http://127.0.0.1:1"))
    with pytest.raises(NoAnswer, match="does not answer"):
        gone.call("GET", "/v2/keys/")
