# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._network.arp import judge, parse_addresses, parse_device
from ansible_collections.virtscale.tuning.plugins.module_utils._network.ping import parse_ping
from ansible_collections.virtscale.tuning.plugins.module_utils._network.worst import worst_round_trip

IPUTILS = """\
PING 192.168.216.90 (192.168.216.90) from 192.168.216.10 bond0: 56(84) bytes of data.

--- 192.168.216.90 ping statistics ---
60 packets transmitted, 59 received, 1.66667% packet loss, time 12077ms
rtt min/avg/max/mdev = 0.151/0.208/0.412/0.033 ms
"""
BUSYBOX = """\
--- 10.0.0.1 ping statistics ---
3 packets transmitted, 3 packets received, 0% packet loss
round-trip min/avg/max = 0.048/0.056/0.066 ms
"""
SILENT = """\
--- 10.0.0.9 ping statistics ---
5 packets transmitted, 0 received, +3 errors, 100% packet loss, time 4095ms
pipe 3
"""


@pytest.mark.parametrize(
    "output, times",
    [
        (IPUTILS, (60, 59, 0.151, 0.208, 0.412)),
        (BUSYBOX, (3, 3, 0.048, 0.056, 0.066)),
        (SILENT, (5, 0, None, None, None)),
    ],
)
def test_the_summary_of_ping(output: str, times: tuple[t.Any, ...]) -> None:
    trip = parse_ping(output)
    assert trip is not None
    assert tuple(trip.values()) == times


@pytest.mark.parametrize("output", ["", "ping: bond7: No such device\n", "ping: unknown host\n"])
def test_no_summary(output: str) -> None:
    assert parse_ping(output) is None


def addresses(**interfaces: list[str]) -> str:
    return json.dumps(
        [
            {
                "ifname": name,
                "addr_info": [
                    {"family": "inet", "scope": "global", "local": a.split("/")[0], "prefixlen": int(a.split("/")[1])}
                    for a in listed
                ],
            }
            for name, listed in interfaces.items()
        ]
    )


@pytest.mark.parametrize(
    "interfaces, leaves_by, silent",
    [
        ({"bond0": ["10.0.0.1/24"]}, {}, None),
        ({"bond0": ["10.0.0.1/24"], "eth2": ["10.0.1.1/24"]}, {}, None),
        # Two addresses on one interface are no flux.
        ({"bond0": ["10.0.0.1/24", "10.0.0.2/24"]}, {}, None),
        ({"eth0": ["10.0.0.1/24"], "eth1": ["10.0.0.2/24"]}, {"10.0.0.1": "eth0", "10.0.0.2": "eth0"}, "10.0.0.2"),
        ({"eth0": ["10.0.0.1/24"], "eth1": ["10.0.0.2/24"]}, {"10.0.0.1": "eth0", "10.0.0.2": "eth1"}, None),
        ({"eth0": ["10.0.0.1/24"], "eth1": ["10.0.0.2/16"]}, {"10.0.0.1": "eth0", "10.0.0.2": "eth0"}, "10.0.0.2"),
        ({"eth0": ["10.0.0.1/24"], "eth1": ["10.0.0.2/24"]}, {"10.0.0.1": "eth0"}, "10.0.0.2"),
    ],
)
def test_an_address_that_arp_filtering_would_silence(
    interfaces: dict[str, list[str]], leaves_by: dict[str, str], silent: str | None
) -> None:
    risk = judge(parse_addresses(addresses(**interfaces)), lambda target, source: leaves_by.get(source))
    assert (f"answers from {silent} would leave by" in risk) if silent else risk == ""


def test_the_target_of_the_question_is_not_the_host_itself() -> None:
    asked = []

    def device(target: str, source: str) -> str:
        asked.append((target, source))
        return "eth0"

    judge(parse_addresses(addresses(eth0=["10.0.0.1/29"], eth1=["10.0.0.6/29"])), device)
    assert asked[0] == ("10.0.0.5", "10.0.0.1")


def test_addresses_of_the_loopback_do_not_count() -> None:
    text = (
        '[{"ifname": "lo", "addr_info": [{"family": "inet", "scope": "host", "local": "127.0.0.1", "prefixlen": 8}]}]'
    )
    assert parse_addresses(text) == []
    assert parse_device("") is None


def trips(**averages: float | None) -> dict[str, t.Any]:
    return {"rtt": {peer: {"avg_ms": average} for peer, average in averages.items()}}


def test_the_worst_host_is_named() -> None:
    worst = worst_round_trip({"ceph01": trips(a=0.1, b=0.3), "ceph02": trips(a=0.208), "ceph03": trips(a=None)})
    assert (worst["rtt_ms"], worst["host"], worst["peer"]) == (0.3, "ceph01", "b")
    assert worst["hosts"] == ["ceph01", "ceph02"]
    assert worst["evidence"] == ("the worst of 2 hosts is ceph01: 0.3 ms on average to b; without a round trip: ceph03")


def test_a_limited_run_says_over_which_hosts() -> None:
    evidence = worst_round_trip({"ceph02": trips(a=0.2), "ceph01": trips(a=0.1)}, "ceph0[12]")["evidence"]
    assert evidence.endswith("; taken over ceph01, ceph02 only (limited to ceph0[12])")


@pytest.mark.parametrize("results", [{}, {"ceph01": {"rtt": None}}, {"ceph01": trips(a=None)}])
def test_no_round_trip_at_all(results: dict[str, t.Any]) -> None:
    with pytest.raises(TuningError, match=r"^No round trip was measured"):
        worst_round_trip(results)
