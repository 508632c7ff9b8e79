# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Socket buffer sizes by the reference architecture's two methods, beside the bandwidth-delay product.

Source of the methods: the "buffer size tuning" section of the reference architecture. Its latency formula
leaves out the division by 8 and takes a megabit for 1,048,576, so it gives 8.39 times the bandwidth-delay
product; its "1/4" of the maximum is 4 of 10 packets. Both are kept, and the evidence says so.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_decimal, parse_int

# net.core.*mem_* and tcp_*mem are C ints in the kernel.
SYSCTL_MAX_BYTES = 2147483647

# tcp_rmem and tcp_wmem of Linux: the minimum is a page, the defaults are the kernel's own.
_TCP_MIN_BYTES = 4096
_TCP_RMEM_DEFAULT_BYTES = 131072
_TCP_WMEM_DEFAULT_BYTES = 16384

_BYTES_PER_SEED_MEGABIT = 1048576
_MS_PER_S = 1000
# Wide enough that no product of the accepted numbers is ever rounded.
_EXACT = Context(prec=400)


@dataclass(frozen=True)
class Link:
    """The path from the Ceph hosts to their clients."""

    rtt_ms: Decimal
    link_mbps: int
    flow_mbps: int

    @property
    def seed_bytes(self) -> int:
        """The reference architecture's latency formula, exact and then floored."""
        megabits = _EXACT.multiply(self.rtt_ms, Decimal(self.link_mbps * _BYTES_PER_SEED_MEGABIT))
        return _floor(_EXACT.divide(megabits, Decimal(_MS_PER_S)))

    @property
    def bdp_bytes(self) -> int:
        """The bandwidth-delay product of one flow: bits per second x seconds / 8."""
        bits = _EXACT.multiply(self.rtt_ms, Decimal(self.flow_mbps * 10**6))
        return _floor(_EXACT.divide(bits, Decimal(_MS_PER_S * 8)))


def plan_socket_buffers(
    *,
    method: str,
    rtt_ms: t.Any = None,
    link_mbps: t.Any = None,
    flow_mbps: t.Any = None,
    packet_bytes: t.Any = 524288,
    packets_max: t.Any = 10,
    packets_default: t.Any = 4,
) -> dict[str, t.Any]:
    """Return the buffer sizes in bytes, the sysctls that carry them, and the evidence.

    :param method: ``latency`` (round trip x link speed) or ``packet_size`` (packet size x packets).
    :param link_mbps: the whole link or bond in Mb/s, as the reference architecture takes it.
    :param flow_mbps: what one TCP flow can get in Mb/s: one slave of a bond. Defaults to ``link_mbps``.
    :raises TuningError: for a missing partner or a value out of range; nothing is rounded into range.
    """
    link = _parse_link(method, rtt_ms, link_mbps, flow_mbps)
    packet = parse_int("packet_bytes", packet_bytes, maximum=SYSCTL_MAX_BYTES)
    most = parse_int("packets_max", packets_max, minimum=2, maximum=SYSCTL_MAX_BYTES)
    usual = parse_int("packets_default", packets_default, minimum=2, maximum=SYSCTL_MAX_BYTES)
    if usual > most:
        raise InvalidValue("packets_default", packets_default, f"at most packets_max, which is {most}")

    if method == "latency" and link is not None:
        largest = link.seed_bytes
        rule = f"rtt {_plain(link.rtt_ms)} ms / 1000 x {link.link_mbps} Mb/s x 1048576 = {largest}"
    else:
        largest = packet * most
        rule = f"{packet} bytes x {most} packets = {largest}"
    if not 1 <= largest <= SYSCTL_MAX_BYTES:
        raise TuningError(
            f"The {method} method gives a buffer of {largest} bytes ({rule}), but it must be at least 1 "
            f"and at most {SYSCTL_MAX_BYTES}."
        )
    default = largest * usual // most

    tcp_rmem = [_TCP_MIN_BYTES, min(_TCP_RMEM_DEFAULT_BYTES, largest), largest]
    tcp_wmem = [_TCP_MIN_BYTES, min(_TCP_WMEM_DEFAULT_BYTES, largest), largest]
    return {
        "rmem_max": largest,
        "wmem_max": largest,
        "wmem_default": default,
        "bdp_bytes": None if link is None else link.bdp_bytes,
        "tcp_rmem": tcp_rmem,
        "tcp_wmem": tcp_wmem,
        "sysctls": {
            "net.core.rmem_max": str(largest),
            "net.core.wmem_max": str(largest),
            "net.core.wmem_default": str(default),
            "net.ipv4.tcp_rmem": " ".join(map(str, tcp_rmem)),
            "net.ipv4.tcp_wmem": " ".join(map(str, tcp_wmem)),
        },
        "evidence": "; ".join(_evidence(method, rule, largest, default, usual, most, link)),
    }


def _parse_link(method: str, rtt_ms: t.Any, link_mbps: t.Any, flow_mbps: t.Any) -> Link | None:
    if method not in ("latency", "packet_size"):
        raise InvalidValue("method", method, "latency or packet_size")
    if flow_mbps is not None and link_mbps is None:
        raise TuningError("flow_mbps is given without link_mbps: give the speed of the whole link too.")
    if rtt_ms is None and link_mbps is None and method == "packet_size":
        return None
    for name, value in (("rtt_ms", rtt_ms), ("link_mbps", link_mbps)):
        if value is None:
            reason = "method latency needs it" if method == "latency" else "its partner is given"
            raise TuningError(f"{name} is missing, but must be a number above 0, because {reason}.")
    rtt = parse_decimal("rtt_ms", rtt_ms, above=0, maximum=SYSCTL_MAX_BYTES)
    link = parse_int("link_mbps", link_mbps, maximum=SYSCTL_MAX_BYTES)
    flow = link if flow_mbps is None else parse_int("flow_mbps", flow_mbps, maximum=SYSCTL_MAX_BYTES)
    if flow > link:
        raise InvalidValue("flow_mbps", flow_mbps, f"at most link_mbps, which is {link}")
    return Link(rtt, link, flow)


def _evidence(
    method: str, rule: str, largest: int, default: int, usual: int, most: int, link: Link | None
) -> t.Iterator[str]:
    yield f"{method}: {rule}"
    yield f"wmem_default is {usual}/{most} of it = {default}"
    if link is None:
        return
    bdp = link.bdp_bytes
    ratio = f"{_plain(Decimal(largest) / bdp, 2)} times that" if bdp else "more"
    yield f"the bandwidth-delay product of one flow at {link.flow_mbps} Mb/s is {bdp}, the maximum is {ratio}"


def _floor(number: Decimal) -> int:
    return int(number.to_integral_value(rounding=ROUND_FLOOR))


def _plain(number: Decimal, places: int | None = None) -> str:
    if places is not None:
        number = round(number, places)
    return format(number.normalize(), "f")
