# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""A member's environment file: what of it the migration reads, and the three settings that it changes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._etcd import environment
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.http_client import Access

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

    def access(self) -> Access:
        """Return how it is asked: as the member itself, which every member lets in."""
        peer = self.values.get("ETCD_PEER_CERT_FILE")
        kind = "ETCD_PEER_" if peer else "ETCD_"
        return Access(
            self.client_urls[0],
            self.values.get("ETCD_TRUSTED_CA_FILE") or self.values.get("ETCD_PEER_TRUSTED_CA_FILE"),
            self.values.get(f"{kind}CERT_FILE"),
            self.values.get(f"{kind}KEY_FILE"),
        )


def read_settings(path: Path) -> Settings:
    """Return what an environment file says.

    :raises TuningError: when it cannot be read.
    """
    return Settings(environment.parse(environment.read(str(path))))


def change_settings(path: Path, wanted: dict[str, str | None]) -> bool:
    """Set and, for None, take away settings, with all other lines as they are; return whether any differed.

    :raises TuningError: when the file cannot be read or written.
    """
    before = environment.read(str(path))
    after = environment.changed(before, wanted)
    if before != after:
        environment.write(str(path), after)
    return before != after


def _urls(text: str) -> list[str]:
    return [url.strip() for url in text.split(",") if url.strip()]
