# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from fractions import Fraction

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._sizing.socket_buffers import plan_socket_buffers
from hypothesis import given
from hypothesis import strategies as st

# (parameters, rmem_max, wmem_default, bdp_bytes)
FIGURES: list[tuple[dict[str, t.Any], int, int, int | None]] = [
    ({"method": "latency", "rtt_ms": 0.208, "link_mbps": 50000}, 10905190, 4362076, 1300000),
    ({"method": "latency", "rtt_ms": "0.208", "link_mbps": "50000"}, 10905190, 4362076, 1300000),
    ({"method": "latency", "rtt_ms": 0.208, "link_mbps": 50000, "flow_mbps": 25000}, 10905190, 4362076, 650000),
    ({"method": "latency", "rtt_ms": 4.975, "link_mbps": 50000}, 260833280, 104333312, 31093750),
    ({"method": "latency", "rtt_ms": 1, "link_mbps": 1000.0}, 1048576, 419430, 125000),
    ({"method": "packet_size"}, 5242880, 2097152, None),
    ({"method": "packet_size", "rtt_ms": 0.2, "link_mbps": 25000}, 5242880, 2097152, 625000),
    ({"method": "packet_size", "packet_bytes": 9000, "packets_max": 7, "packets_default": 2}, 63000, 18000, None),
    ({"method": "packet_size", "packet_bytes": 214748364, "packets_max": 10}, 2147483640, 858993456, None),
]


@pytest.mark.parametrize("params, maximum, default, bdp_bytes", FIGURES)
def test_figures(params: dict[str, t.Any], maximum: int, default: int, bdp_bytes: int | None) -> None:
    plan = plan_socket_buffers(**params)
    assert (plan["rmem_max"], plan["wmem_max"], plan["wmem_default"]) == (maximum, maximum, default)
    assert plan["bdp_bytes"] == bdp_bytes


def test_sysctls_carry_every_value_as_text() -> None:
    assert plan_socket_buffers(method="packet_size")["sysctls"] == {
        "net.core.rmem_max": "5242880",
        "net.core.wmem_max": "5242880",
        "net.core.wmem_default": "2097152",
        "net.ipv4.tcp_rmem": "4096 131072 5242880",
        "net.ipv4.tcp_wmem": "4096 16384 5242880",
    }


def test_tcp_defaults_never_exceed_a_small_maximum() -> None:
    plan = plan_socket_buffers(method="packet_size", packet_bytes=1500, packets_max=10)
    assert (plan["tcp_rmem"], plan["tcp_wmem"]) == ([4096, 15000, 15000], [4096, 15000, 15000])


def test_evidence_shows_the_factor_to_physics() -> None:
    evidence = plan_socket_buffers(method="latency", rtt_ms=0.208, link_mbps=50000)["evidence"]
    assert "0.208 ms / 1000 x 50000 Mb/s x 1048576 = 10905190" in evidence
    assert "bandwidth-delay product of one flow at 50000 Mb/s is 1300000" in evidence
    assert "the maximum is 8.39 times that" in evidence


# (parameters, what the one sentence must name)
REFUSED: list[tuple[dict[str, t.Any], str]] = [
    ({"method": "latency", "link_mbps": 50000}, "rtt_ms is missing"),
    ({"method": "latency", "rtt_ms": 0.2}, "link_mbps is missing"),
    ({"method": "packet_size", "rtt_ms": 0.2}, "link_mbps is missing"),
    ({"method": "packet_size", "link_mbps": 1000}, "rtt_ms is missing"),
    ({"method": "packet_size", "flow_mbps": 1000}, "flow_mbps is given without link_mbps"),
    ({"method": "latency", "rtt_ms": 0.2, "link_mbps": 1000, "flow_mbps": 1001}, "flow_mbps is 1001"),
    ({"method": "latency", "rtt_ms": 0, "link_mbps": 1000}, "rtt_ms is 0"),
    ({"method": "latency", "rtt_ms": -1, "link_mbps": 1000}, "rtt_ms is -1"),
    ({"method": "latency", "rtt_ms": float("nan"), "link_mbps": 1000}, "rtt_ms is nan"),
    ({"method": "latency", "rtt_ms": float("inf"), "link_mbps": 1000}, "rtt_ms is inf"),
    ({"method": "latency", "rtt_ms": "Infinity", "link_mbps": 1000}, "rtt_ms is 'Infinity'"),
    ({"method": "latency", "rtt_ms": True, "link_mbps": 1000}, "rtt_ms is True"),
    ({"method": "latency", "rtt_ms": 0.2, "link_mbps": 1000.5}, "link_mbps is 1000.5"),
    ({"method": "latency", "rtt_ms": 0.2, "link_mbps": False}, "link_mbps is False"),
    ({"method": "latency", "rtt_ms": 1000, "link_mbps": 50000}, "52428800000 bytes"),
    ({"method": "latency", "rtt_ms": "0.0000000001", "link_mbps": 1}, "buffer of 0 bytes"),
    ({"method": "packet_size", "packet_bytes": 0}, "packet_bytes is 0"),
    ({"method": "packet_size", "packet_bytes": 2147483648}, "packet_bytes is 2147483648"),
    ({"method": "packet_size", "packet_bytes": 214748365, "packets_max": 10}, "2147483650 bytes"),
    ({"method": "packet_size", "packets_default": 1}, "packets_default is 1"),
    ({"method": "packet_size", "packets_default": 11}, "packets_default is 11"),
    ({"method": "packet_size", "packets_max": "many"}, "packets_max is 'many'"),
    ({"method": "guess"}, "method is 'guess'"),
]


@pytest.mark.parametrize("params, named", REFUSED)
def test_bad_input_is_one_sentence(params: dict[str, t.Any], named: str) -> None:
    with pytest.raises(TuningError) as refusal:
        plan_socket_buffers(**params)
    message = str(refusal.value)
    assert named in message
    assert message.endswith(".") and "\n" not in message


@given(st.integers(1, 40000), st.integers(1, 50000))
def test_latency_is_exact_for_every_microsecond(rtt_us: int, link_mbps: int) -> None:
    exact = Fraction(rtt_us, 10**6) * link_mbps * 1048576
    plan = plan_socket_buffers(method="latency", rtt_ms=rtt_us / 1000, link_mbps=link_mbps)
    assert plan["rmem_max"] == int(exact)
    assert plan["wmem_default"] == int(exact) * 4 // 10
    assert plan["bdp_bytes"] == int(Fraction(rtt_us, 10**6) * link_mbps * 10**6 / 8)
