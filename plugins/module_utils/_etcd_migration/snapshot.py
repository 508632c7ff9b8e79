# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Read a v2 snapshot file, for what the v2 API does not list: hidden keys, which etcdctl does not migrate."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError

# The users' keys in the store; etcd's own are below 0.
_USERS = "1"
# Field numbers of snappb.Snapshot and raftpb.Snapshot.
_SNAP_DATA = 2
_RAFT_DATA = 1


def newest_snapshot(snap_dir: Path) -> Path | None:
    """Return the newest v2 snapshot; their names are term and index in hexadecimal."""
    return max(snap_dir.glob("*.snap"), key=lambda path: path.name, default=None)


def hidden_keys(path: Path) -> list[str]:
    """Return the keys that no listing of the v2 API shows: an element of their path begins with an underscore.

    :raises TuningError: when the file is no snapshot of a v2 store.
    """
    try:
        raft = _field(path.read_bytes(), _SNAP_DATA)
        store = json.loads(_field(raft, _RAFT_DATA))
        users = store["Root"]["Children"].get(_USERS)
        return sorted(_hidden(users, hidden=False)) if users else []
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise TuningError(f"{path} is not a snapshot of a v2 store: {error}.") from error


def _hidden(node: dict[str, t.Any], *, hidden: bool) -> t.Iterator[str]:
    children = node.get("Children")
    if children is None:
        if hidden:
            yield node["Path"][len(_USERS) + 1 :]
        return
    for name, child in children.items():
        yield from _hidden(child, hidden=hidden or name.startswith("_"))


def _field(message: bytes, wanted: int) -> bytes:
    """Return the bytes of one field of a protobuf message."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            _value, at = _varint(message, at)
        elif kind == 2:
            length, at = _varint(message, at)
            if at + length > len(message):
                break
            if number == wanted:
                return message[at : at + length]
            at += length
        else:
            break
    raise ValueError(f"it has no field {wanted}")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
