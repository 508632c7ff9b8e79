# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.diary import read_diary
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.master_config import (
    WANTED,
    set_storage,
    storage_settings,
    with_storage,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.settings import (
    FORCE,
    STATE,
    change_settings,
    read_settings,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.snapshot import (
    hidden_keys,
    newest_snapshot,
)
from hypothesis import given
from hypothesis import strategies as st

MASTER = """\
apiVersion: v1
# The one that etcd listens to.
etcdClientInfo:
  ca: master.etcd-ca.crt
kubernetesMasterConfig:
{arguments}  masterCount: 3
  # behind it
networkConfig:
  mtu: 1450
"""
FORMS = {
    "none": "",
    "null": "  apiServerArguments: null\n",
    "empty": "  apiServerArguments:\n",
    "others": "  apiServerArguments:\n    # quorum\n    etcd-quorum-read:\n    - 'true'\n",
    "etcd2": "  apiServerArguments:\n    storage-backend:\n    - etcd2\n    etcd-quorum-read:\n    - 'true'\n",
    "half": "  apiServerArguments:\n    storage-media-type:\n    - application/json\n    storage-backend: [etcd3]\n",
}


@pytest.mark.parametrize("arguments", FORMS.values(), ids=FORMS.keys())
def test_a_master_uses_v3_and_keeps_all_else(arguments: str) -> None:
    before = MASTER.format(arguments=arguments)
    after = with_storage(before)
    wanted = yaml.safe_load(before)
    asked = wanted["kubernetesMasterConfig"].get("apiServerArguments") or {}
    wanted["kubernetesMasterConfig"]["apiServerArguments"] = {**asked, **{k: [v] for k, v in WANTED.items()}}
    assert yaml.safe_load(after) == wanted
    assert storage_settings(after) == {name: [value] for name, value in WANTED.items()}
    assert with_storage(after) == after
    for line in before.splitlines():
        if line.strip().startswith("#"):
            assert line in after.splitlines()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("apiVersion: v1\n", "no section"),
        ("kubernetesMasterConfig: null\nother: 1\n", "no section"),
        ("kubernetesMasterConfig:\n  apiServerArguments: {a: [b]}\n", "not in the block form"),
    ],
)
def test_another_form_is_left_as_it_is(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "master-config.yaml"
    path.write_text(text)
    with pytest.raises(TuningError, match=f"left as it is.*{says}"):
        set_storage(path, "master1", v3=True, check_mode=False)
    assert path.read_text() == text


def test_a_master_is_given_back_the_file_that_it_had(tmp_path: Path) -> None:
    path = tmp_path / "master-config.yaml"
    path.write_text(MASTER.format(arguments=FORMS["etcd2"]))
    path.chmod(0o600)
    before = path.read_text()

    def status(*, v3: bool, check_mode: bool = False) -> str | None:
        return set_storage(path, "master1", v3=v3, check_mode=check_mode)["rows"][0]["status"]

    assert status(v3=False) == "ok"
    assert status(v3=True, check_mode=True) == "would_change"
    assert path.read_text() == before
    assert status(v3=True) == "changed"
    assert status(v3=True) == "ok"
    assert path.stat().st_mode & 0o777 == 0o600
    assert status(v3=False) == "changed"
    assert path.read_text() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["master-config.yaml"]


def test_a_host_without_a_master_is_told(tmp_path: Path) -> None:
    done = set_storage(tmp_path / "none", "api1", v3=True, check_mode=False)
    assert (done["changed"], done["rows"][0]["status"]) == (False, "note")


def test_settings_change_and_the_rest_stays(tmp_path: Path) -> None:
    path = tmp_path / "etcd.conf"
    path.write_text('#[member]\nETCD_NAME=a\nETCD_INITIAL_CLUSTER_STATE="new"\n# end\n')
    assert change_settings(path, {STATE: "existing", FORCE: "true"})
    assert not change_settings(path, {STATE: "existing", FORCE: "true"})
    assert read_settings(path).force
    assert change_settings(path, {FORCE: None})
    assert path.read_text() == "#[member]\nETCD_NAME=a\nETCD_INITIAL_CLUSTER_STATE=existing\n# end\n"


def test_settings_that_are_not_there_are_etcds_own(tmp_path: Path) -> None:
    path = tmp_path / "etcd.conf"
    path.write_text("ETCD_NAME=a\nETCD_DATA_DIR=/data\n")
    found = read_settings(path)
    assert (found.token, found.client_urls, found.peer_urls) == (
        "etcd-cluster",
        ["http://localhost:2379"],
        ["http://localhost:2380"],
    )
    assert not found.force
    assert found.access().cert_file is None


def test_a_diary_tells_of_the_migration_that_was_begun_last() -> None:
    def end(step: str, **more: object) -> dict[str, object]:
        return {"kind": "end", "step": step, **more}

    first = [end("list_keys"), end("backup"), end("keep"), end("transform")]
    found = read_diary(first)
    assert (found.begun, found.kept, found.backup_restored, found.transformed, found.finished) == (*[True] * 4, False)
    assert not read_diary([*first, end("conclude_back")]).begun
    assert not read_diary([*first, end("conclude_back"), end("measure")]).begun
    again = read_diary([*first, end("list_keys")])
    assert (again.begun, again.backup_restored) == (True, False)
    assert read_diary([*first, end("compare", revision=7), end("finish")]).compared_at == 7
    assert not read_diary([end("list_keys"), {"kind": "begin", "step": "backup"}]).backup_restored
    assert not read_diary([*first, end("adopt")]).joined_back
    assert read_diary([*first, end("adopt", back=True)]).joined_back


def varint(number: int) -> bytes:
    found = b""
    while number > 0x7F:
        found += bytes([number & 0x7F | 0x80])
        number >>= 7
    return found + bytes([number])


def snapshot(store: object) -> bytes:
    """Return the bytes of a snapshot file."""
    data = json.dumps(store).encode()
    raft = b"\x0a" + varint(len(data)) + data + b"\x12\x02\x10\x05"
    return b"\x08" + varint(0xDEADBEEF) + b"\x12" + varint(len(raft)) + raft


def node(path: str, *children: object) -> dict[str, object]:
    made: dict[str, object] = {"Path": path, "Value": "", "Children": None}
    if children:
        made["Children"] = {
            str(child["Path"]).rsplit("/", 1)[1]: child for child in children if isinstance(child, dict)
        }
    return made


def test_hidden_keys_are_found_wherever_they_are(tmp_path: Path) -> None:
    users = node("/1", node("/1/_a", node("/1/_a/b")), node("/1/c", node("/1/c/_d"), node("/1/c/e_f")))
    (tmp_path / "01-0a.snap").write_bytes(snapshot({"Root": node("/", node("/0", node("/0/_x")))}))
    (tmp_path / "01-0b.snap").write_bytes(snapshot({"Root": node("/", node("/0"), users)}))
    found = newest_snapshot(tmp_path)
    assert found is not None
    assert found.name == "01-0b.snap"
    assert hidden_keys(found) == ["/_a/b", "/c/_d"]
    assert hidden_keys(tmp_path / "01-0a.snap") == []


@given(st.binary(max_size=60))
def test_what_is_no_snapshot_is_told(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("snap") / "a.snap"
    path.write_bytes(content)
    with pytest.raises(TuningError, match="is not a snapshot of a v2 store"):
        hidden_keys(path)
