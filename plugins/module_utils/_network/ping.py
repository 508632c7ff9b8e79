# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Round trips and reachability, by the system's ``ping``."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError

# More processes at once would measure the scheduler of the host rather than the network.
_AT_ONCE = 32
_PEER = re.compile(r"[0-9A-Za-z][0-9A-Za-z.:_%-]*\Z")
_COUNTS = re.compile(r"(\d+) packets transmitted, (\d+) (?:packets )?received")
_TIMES = re.compile(r"(?:rtt|round-trip) min/avg/max(?:/mdev)? = ([\d.]+)/([\d.]+)/([\d.]+)")
# IPv4 and ICMP headers, which the size given to ping leaves out.
_HEADERS_BYTES = 28
# What an IPv4 packet can carry at all; the loopback interface promises more.
_LARGEST_BYTES = 65507


class RoundTrip(t.TypedDict):
    """What pinging one peer gave; the times in milliseconds are None if it never answered."""

    sent: int
    received: int
    min_ms: t.Optional[float]
    avg_ms: t.Optional[float]
    max_ms: t.Optional[float]


def find_ping() -> str | None:
    """Return the path of ``ping``, or None if it is not installed."""
    return shutil.which("ping", path=f"{os.environ.get('PATH', '')}:/usr/bin:/bin:/usr/sbin:/sbin")


def checked_peers(peers: list[str]) -> list[str]:
    """Return the peers without repetition.

    :raises InvalidValue: for what is no address or host name.
    """
    for peer in peers:
        if not _PEER.match(peer):
            raise InvalidValue("peers", peer, "an address or a host name")
    return list(dict.fromkeys(peers))


def parse_ping(output: str) -> RoundTrip | None:
    """Read the summary of ``ping -q`` (iputils, or busybox's); None if there is none."""
    counts = _COUNTS.search(output)
    if not counts:
        return None
    times = _TIMES.search(output)
    low, average, high = (float(text) for text in times.groups()) if times else (None, None, None)
    return {
        "sent": int(counts.group(1)),
        "received": int(counts.group(2)),
        "min_ms": low,
        "avg_ms": average,
        "max_ms": high,
    }


def measure_round_trips(
    ping: str, peers: list[str], interface: str | None, count: int, interval_s: str
) -> dict[str, RoundTrip | None]:
    """Ping every peer ``count`` times, all of them at the same time."""
    options = ["-c", str(count), "-i", interval_s, "-W", "2"]
    limit_s = count * float(interval_s) + 15
    return {peer: parse_ping(text) for peer, (_code, text) in _run(ping, options, peers, interface, limit_s).items()}


def path_carries(ping: str, peers: list[str], interface: str | None, mtu: int) -> dict[str, bool]:
    """Whether full-size packets reach each peer unfragmented."""
    options = ["-c", "3", "-i", "0.2", "-W", "1", "-M", "do", "-s", str(min(mtu - _HEADERS_BYTES, _LARGEST_BYTES))]
    return {peer: code == 0 for peer, (code, _text) in _run(ping, options, peers, interface, 10).items()}


def answering(ping: str, peers: list[str], interface: str | None) -> set[str]:
    """Return the peers that answer now."""
    options = ["-c", "2", "-i", "0.2", "-W", "1"]
    return {peer for peer, (code, _text) in _run(ping, options, peers, interface, 10).items() if code == 0}


class PeerGuard:
    """Sees to it that who answered before a change answers after it."""

    def __init__(self, peers: list[str], interface: str | None, timeout_s: float) -> None:
        """Remember who answers now.

        :raises TuningError: if there is no ``ping`` to find out with.
        """
        self._interface = interface
        self._timeout_s = timeout_s
        ping = find_ping()
        if ping is None:
            raise TuningError("peers cannot be checked, because ping is not installed; install it, or give no peers.")
        self._ping = ping
        self.before = answering(ping, peers, interface)

    def check(self) -> None:
        """:raises TuningError: if a peer that answered before is still silent after the timeout."""
        deadline = time.monotonic() + self._timeout_s
        # A remembered address would answer for a while even if it could no longer be asked for.
        _forget_neighbours(self.before)
        lost = self.before
        while lost:
            lost = lost - answering(self._ping, sorted(lost), self._interface)
            if lost and time.monotonic() > deadline:
                raise TuningError(f"{', '.join(sorted(lost))} answered before the change and no longer did after it.")


def _forget_neighbours(peers: t.Iterable[str]) -> None:
    ip = shutil.which("ip", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    for peer in sorted(peers) if ip else ():
        subprocess.run([str(ip), "neigh", "flush", "to", peer], capture_output=True, check=False)


def _run(
    ping: str, options: list[str], peers: list[str], interface: str | None, limit_s: float
) -> dict[str, tuple[int, str]]:
    command = [ping, "-n", "-q", *options, *(["-I", interface] if interface else [])]
    results: dict[str, tuple[int, str]] = {}
    for start in range(0, len(peers), _AT_ONCE):
        running = {
            peer: subprocess.Popen(
                [*command, peer],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env={**os.environ, "LC_ALL": "C"},
            )
            for peer in peers[start : start + _AT_ONCE]
        }
        deadline = time.monotonic() + limit_s
        for peer, process in running.items():
            try:
                output = process.communicate(timeout=max(0.1, deadline - time.monotonic()))[0]
            except subprocess.TimeoutExpired:
                process.kill()
                output = process.communicate()[0]
            results[peer] = (process.returncode, output)
    return results
