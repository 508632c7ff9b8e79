# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""How the member on this host is configured, and from that the way to it.

What runs is asked first: the process has its variables and flags at hand, whoever started it, systemd, an init script
or a static pod; only where none runs, the file counts that the service is started with.
"""

from __future__ import annotations

import os
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd import environment
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.http_client import Access
from ansible_collections.virtscale.tuning.plugins.module_utils._files import below
from ansible_collections.virtscale.tuning.plugins.module_utils._small_files import names

_PREFIX = "ETCD_"
_PROGRAM = "etcd"
# etcd's own, where nothing is configured.
_DEFAULT_URL = "http://localhost:2379"
_ANY = ("0.0.0.0", "[::]")


class NoEtcd(TuningError):
    """No etcd runs on this host, and none is configured."""


@dataclass(frozen=True)
class Configuration:
    """Settings of etcd by the names of its variables; ``root`` leads from this host to the paths in them."""

    values: t.Mapping[str, str]
    source: str
    pid: int | None = None
    root: str = ""

    def path(self, name: str) -> str | None:
        """Return the path that a setting names, as this host sees it."""
        value = self.values.get(name)
        return self.root + value if value else None

    def urls(self, name: str) -> list[str]:
        """Return the URLs of a setting."""
        return [url.strip() for url in self.values.get(name, "").split(",") if url.strip()]

    @property
    def data_dir(self) -> str | None:
        """The directory of the data, as this host sees it; None where it is not configured."""
        return self.path("ETCD_DATA_DIR")

    @property
    def client_url(self) -> str:
        """A URL at which this host reaches its own member: the first that its certificate is made for."""
        urls = [*self.urls("ETCD_ADVERTISE_CLIENT_URLS"), *self.urls("ETCD_LISTEN_CLIENT_URLS")]
        return next((url for url in urls if not any(host in url for host in _ANY)), _DEFAULT_URL)


def read(root: str = "/", data_dir: str | None = None) -> Configuration:
    """Return the configuration of this host's member.

    :param data_dir: which member is meant, where several run.
    :raises NoEtcd: when there is none; :raises TuningError: when there are several, or the file cannot be read.
    """
    running = [found for found in _running(root) if data_dir in (None, found.values.get("ETCD_DATA_DIR"))]
    if len(running) > 1:
        places = ", ".join(f"{found.source} in {found.values.get('ETCD_DATA_DIR', 'its default')}" for found in running)
        raise TuningError(f"More than one etcd runs on this host ({places}): say by data_dir which one is meant.")
    if running:
        return running[0]
    path = environment.find(root)
    if path is None:
        raise NoEtcd(f"No etcd runs on this host, and none of {', '.join(environment.PATHS)} configures one.")
    return Configuration(environment.parse(environment.read(below(root, path))), path)


def access(
    configuration: Configuration | None,
    *,
    url: str | None = None,
    ca_file: str | None = None,
    cert_file: str | None = None,
    key_file: str | None = None,
    timeout_s: float = 5.0,
) -> Access:
    """Return the way to the member: what is given, and for the rest what its configuration says.

    A member's own peer certificate is one that it accepts from clients, which its server certificate need not be.

    :raises TuningError: when neither a URL nor a configuration is there.
    """
    if configuration is None:
        if url is None:
            raise TuningError("Without an etcd on this host, say by endpoint which member is meant.")
        return Access(url, ca_file, cert_file, key_file, timeout_s)
    kinds = ("ETCD_PEER_", "ETCD_")
    pairs = [tuple(configuration.path(f"{kind}{name}") for name in ("CERT_FILE", "KEY_FILE")) for kind in kinds]
    found = next((pair for pair in pairs if all(pair)), (None, None))
    return Access(
        url or configuration.client_url,
        ca_file or configuration.path("ETCD_TRUSTED_CA_FILE") or configuration.path("ETCD_PEER_TRUSTED_CA_FILE"),
        cert_file or found[0],
        key_file or found[1],
        timeout_s,
    )


def flags(arguments: t.Sequence[str]) -> dict[str, str]:
    """Return a command line's flags by the names of the variables that they stand for."""
    found: dict[str, str] = {}
    words = list(arguments)
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            continue
        name, equals, value = word.lstrip("-").partition("=")
        if not equals:
            # A flag of two values stands alone.
            value = words.pop(0) if words and not words[0].startswith("-") else "true"
        found[_PREFIX + name.upper().replace("-", "_")] = value
    return found


def _running(root: str) -> t.Iterator[Configuration]:
    processes = os.path.join(root, "proc")
    own = _link(f"{processes}/self/ns/mnt")
    for name in sorted(filter(str.isdigit, names(processes)), key=int):
        process = f"{processes}/{name}"
        if _content(f"{process}/comm").strip() != _PROGRAM:
            continue
        words = _content(f"{process}/cmdline").split("\0")[:-1]
        if not words:
            continue
        variables = dict(line.split("=", 1) for line in _content(f"{process}/environ").split("\0") if "=" in line)
        values = {key: value for key, value in variables.items() if key.startswith(_PREFIX)}
        elsewhere = own is not None and _link(f"{process}/ns/mnt") not in (None, own)
        root_of_process = f"{process}/root" if elsewhere else ""
        yield Configuration({**values, **flags(words[1:])}, f"process {name}", int(name), root_of_process)


def _link(path: str) -> str | None:
    try:
        return os.readlink(path)
    except OSError:
        return None


def _content(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
