# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Keys of the v2 and the v3 storage in one shape: what is compared, and the file in which it waits for that.

Values are kept as their SHA-256 alone: they hold secrets, and what is compared is whether they are the same.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import os
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError

Json = t.Dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class V2Key:
    """One key of the v2 storage. ``expires_at`` is in seconds since the epoch; None: it stays."""

    digest: str
    expires_at: float | None = None


@dataclasses.dataclass(frozen=True)
class V3Key:
    """One key of the v3 storage, as one member has it. ``lease_id`` 0: it stays."""

    digest: str
    lease_id: int = 0
    mod_revision: int = 0


V2Keys = t.Dict[str, V2Key]


def digest_of(value: bytes) -> str:
    """Return what stands for a value."""
    return hashlib.sha256(value).hexdigest()


def flatten(node: Json, inherited: float | None = None) -> t.Iterator[tuple[str, V2Key]]:
    """Return the keys below a node of the v2 API's answer.

    A directory has no counterpart in the v3 storage. Where it expires, its keys do so with it.
    """
    expires_at = _earlier(inherited, parse_expiration(node.get("expiration")))
    if node.get("dir"):
        for child in node.get("nodes") or []:
            yield from flatten(child, expires_at)
    else:
        yield node["key"], V2Key(digest_of(node.get("value", "").encode()), expires_at)


def parse_expiration(text: str | None) -> float | None:
    """Return the moment of the API's ``expiration``, in seconds since the epoch.

    :raises TuningError: for what is no moment in RFC 3339's form.
    """
    if not text:
        return None
    try:
        whole, _dot, fraction = text.rstrip("Z").partition(".")
        moment = datetime.datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc)
        return moment.timestamp() + (float(f"0.{fraction}") if fraction else 0.0)
    except ValueError as error:
        raise TuningError(f"{text!r} is no moment in time that a key could expire at.") from error


def digest_of_keys(keys: t.Mapping[str, V2Key]) -> str:
    """Return one digest of all keys that stay; those that expire may be gone in the next moment."""
    total = hashlib.sha256()
    for key in sorted(key for key, each in keys.items() if each.expires_at is None):
        total.update(f"{json.dumps(key)} {keys[key].digest}\n".encode())
    return total.hexdigest()


def write_keys(path: Path, keys: t.Mapping[str, V2Key]) -> None:
    """Replace the file in one step; only its owner may read it."""
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        for key, each in sorted(keys.items()):
            file.write(json.dumps([key, each.digest, each.expires_at]) + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def read_keys(path: Path) -> V2Keys:
    """Return what :func:`write_keys` wrote.

    :raises TuningError: when the file is missing or damaged.
    """
    try:
        with path.open(encoding="utf-8") as file:
            entries = [json.loads(line) for line in file]
        return {str(key): V2Key(str(digest), expires_at) for key, digest, expires_at in entries}
    except (OSError, ValueError, TypeError) as error:
        raise TuningError(f"The list of v2 keys in {path} cannot be read: {error}.") from error


def _earlier(one: float | None, other: float | None) -> float | None:
    moments = [moment for moment in (one, other) if moment is not None]
    return min(moments) if moments else None
