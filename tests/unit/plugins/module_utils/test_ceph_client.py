# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs are small scripts that print what Ceph 16.2 printed; the rados binding is proven on the lab."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.client import (
    CephCommandError,
    CephUnreachable,
    open_client,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue

_PARAMS = {"ceph_conf": "/lab/ceph.conf", "ceph_client": "client.admin", "via": "cli", "timeout_s": 5}

_ERANGE = (
    "Error ERANGE: pool id 2 pg_num 4096 size 3 would mean 12291 total pgs, which exceeds max 1500 "
    "(mon_max_pg_per_osd 250 * num_in_osds 6)"
)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Callable[[str, str], None]:
    """Put a shell script of this name on an otherwise bare PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin-none:/bin")

    def install(name: str, body: str) -> None:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    return install


def test_a_command_reaches_the_program_in_order(program: t.Callable[[str, str], None]) -> None:
    program("ceph", """printf '["%s"' "$1"; shift; for a in "$@"; do printf ',"%s"' "$a"; done; echo ']'""")
    with open_client(_PARAMS) as client:
        assert client.via == "cli"
        words = client.read("osd pool set", pool="vms", var="pg_num", val="64")
    assert words == [
        *("--conf", "/lab/ceph.conf", "--name", "client.admin", "--connect-timeout", "5", "--format", "json"),
        *("osd", "pool", "set", "vms", "pg_num", "64"),
    ]


def test_cephadm_runs_the_same_command_in_its_container(program: t.Callable[[str, str], None]) -> None:
    program("ceph", 'echo \'{"status": "HEALTH_OK"}\'')
    program("cephadm", '[ "$1 $2 $3 $4" = "shell --config /lab/ceph.conf --" ] && shift 4 && exec "$@"')
    with open_client({**_PARAMS, "via": "cephadm"}) as client:
        assert client.read("health") == {"status": "HEALTH_OK"}


def test_the_clusters_own_text_is_kept(program: t.Callable[[str, str], None]) -> None:
    program("ceph", f"echo '{_ERANGE}' >&2; exit 34")
    with open_client(_PARAMS) as client, pytest.raises(CephCommandError) as caught:
        client.write("osd pool set", pool="vms", var="pg_num", val="4096")
    assert caught.value.code == "ERANGE"
    assert "mon_max_pg_per_osd 250" in caught.value.text
    assert str(caught.value).startswith("'ceph osd pool set vms pg_num 4096' failed with ERANGE: pool id 2")


def test_what_does_not_exist_is_none(program: t.Callable[[str, str], None]) -> None:
    program("ceph", "echo 'Error ENOENT: ' >&2; exit 2")
    with open_client(_PARAMS) as client:
        assert client.read_or_none("config help", key="nosuch") is None


@pytest.mark.parametrize(
    ("printed", "sentence"),
    [
        (
            "Error initializing cluster client: ObjectNotFound('(error calling conf_read_file)')",
            "Ceph's configuration /lab/ceph.conf cannot be read on this host",
        ),
        (
            "[errno 2] RADOS object not found (error connecting to the cluster)",
            "No keyring for client.admin was found",
        ),
        (
            "[errno 13] RADOS permission denied (error connecting to the cluster)",
            "The monitors, or the files of the host, refuse client.admin",
        ),
        (
            "Cluster connection interrupted or timed out",
            "No monitor of /lab/ceph.conf let client.admin in within 5 s",
        ),
        ("unable to get monitor info", "ended with status 1: unable to get monitor info"),
    ],
)
def test_a_cluster_out_of_reach_is_one_sentence(
    program: t.Callable[[str, str], None], printed: str, sentence: str
) -> None:
    program("ceph", f'echo "{printed}" >&2; exit 1')
    with open_client(_PARAMS) as client, pytest.raises(CephUnreachable) as caught:
        client.read("status")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_program_that_is_missing_is_named(program: t.Callable[[str, str], None]) -> None:
    with (
        pytest.raises(CephUnreachable, match="The program cephadm is not on this host"),
        open_client({**_PARAMS, "via": "cephadm"}),
    ):
        pass


def test_the_timeout_must_be_positive() -> None:
    with pytest.raises(InvalidValue, match="timeout_s is 0"), open_client({**_PARAMS, "timeout_s": 0}):
        pass
