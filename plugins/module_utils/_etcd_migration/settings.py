# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""A member's environment file: what of it the migration reads, and the three settings that it changes."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import ssl
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError

_LINE = re.compile(r"\s*(?:export\s+)?(ETCD_[A-Z0-9_]+)=(.*)$")

FORCE = "ETCD_FORCE_NEW_CLUSTER"
STATE = "ETCD_INITIAL_CLUSTER_STATE"
CLUSTER = "ETCD_INITIAL_CLUSTER"


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings of one member; URLs are those that the others use."""

    values: dict[str, str]

    @property
    def name(self) -> str:
        """The member's name."""
        return self.values.get("ETCD_NAME", "default")

    @property
    def token(self) -> str:
        """What names the cluster."""
        return self.values.get("ETCD_INITIAL_CLUSTER_TOKEN", "etcd-cluster")

    @property
    def data_dir(self) -> Path:
        """The data directory."""
        return Path(self.values.get("ETCD_DATA_DIR", f"{self.name}.etcd"))

    @property
    def wal_dir(self) -> str:
        """Where the write-ahead log is, when it is apart."""
        return self.values.get("ETCD_WAL_DIR", "")

    @property
    def client_urls(self) -> list[str]:
        """Where clients reach it."""
        return _urls(self.values.get("ETCD_ADVERTISE_CLIENT_URLS", "http://localhost:2379"))

    @property
    def peer_urls(self) -> list[str]:
        """Where the other members reach it."""
        return _urls(self.values.get("ETCD_INITIAL_ADVERTISE_PEER_URLS", "http://localhost:2380"))

    @property
    def force(self) -> bool:
        """Whether its next start begins a new cluster."""
        return self.values.get(FORCE, "").lower() in ("1", "t", "true")

    def context(self) -> ssl.SSLContext | None:
        """Return how it is asked over TLS: as the member itself, that every member lets in.

        :raises TuningError: when a certificate cannot be read.
        """
        if not self.client_urls[0].startswith("https:"):
            return None
        ca = self.values.get("ETCD_TRUSTED_CA_FILE") or self.values.get("ETCD_PEER_TRUSTED_CA_FILE")
        try:
            context = ssl.create_default_context(cafile=ca or None)
            for kind in ("ETCD_PEER_", "ETCD_"):
                cert, key = self.values.get(f"{kind}CERT_FILE"), self.values.get(f"{kind}KEY_FILE")
                if cert and key:
                    context.load_cert_chain(cert, key)
                    break
        except (OSError, ssl.SSLError) as error:
            raise TuningError(f"The certificates of etcd cannot be read: {error}.") from error
        return context


def read_settings(path: Path) -> Settings:
    """Return what an environment file says.

    :raises TuningError: when it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise TuningError(f"The settings of etcd cannot be read: {error}.") from error
    found = {}
    for line in text.splitlines():
        match = _LINE.match(line)
        if match:
            found[match[1]] = _value(match[2])
    return Settings(found)


def change_settings(path: Path, wanted: dict[str, str | None]) -> bool:
    """Set and, for None, take away settings, with all other lines as they are; return whether any differed."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    now = read_settings(path).values
    if all(now.get(name) == value for name, value in wanted.items()):
        return False
    kept, open_ = [], {name: value for name, value in wanted.items() if value is not None}
    for line in lines:
        match = _LINE.match(line)
        if not match or match[1] not in wanted:
            kept.append(line)
        elif match[1] in open_:
            kept.append(f"{match[1]}={_quoted(str(open_.pop(match[1])))}\n")
    if kept and not kept[-1].endswith("\n"):
        kept[-1] += "\n"
    kept += [f"{name}={_quoted(str(value))}\n" for name, value in open_.items()]
    replace(path, "".join(kept).encode())
    return True


def replace(path: Path, content: bytes) -> None:
    """Replace a file's content in one step, with its owner and its mode."""
    found = path.stat()
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        os.fchmod(file.fileno(), found.st_mode & 0o7777)
        os.fchown(file.fileno(), found.st_uid, found.st_gid)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _value(text: str) -> str:
    try:
        parts = shlex.split(text, comments=True)
    except ValueError:
        return text.strip()
    return parts[0] if parts else ""


def _quoted(value: str) -> str:
    """Return the value so that a shell and systemd alike read it as one."""
    return value if re.fullmatch(r"[\w./:,=@+-]*", value) else f'"{value}"'


def _urls(text: str) -> list[str]:
    return [url.strip() for url in text.split(",") if url.strip()]
