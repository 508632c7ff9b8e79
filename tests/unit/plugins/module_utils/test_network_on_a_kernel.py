# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On a real kernel, in a network namespace of its own: refusals, real ping, real routing."""

from __future__ import annotations

from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.kernel_namespace import (
    in_namespace,
    needs_namespaces,
)

pytestmark = needs_namespaces


def test_the_kernel_takes_the_set_and_gives_it_back() -> None:
    result = in_namespace("""
files = {"a.conf": {"net.ipv4.tcp_rmem": [4096, 131072, 99999999], "net.ipv4.conf.all.arp_filter": 1,
                    "net.ipv4.tcp_window_scaling": 0}}
keys = list(files["a.conf"])
before = [kernel(key) for key in keys]
first, second = apply(files), apply(files)
during = [kernel(key) for key in keys]
apply(files, state="absent")
result = {"before": before, "during": during, "after": [kernel(key) for key in keys],
          "changed": [first["changed"], second["changed"]], "left": os.listdir("/etc/sysctl.d")}
""")
    assert result["during"] == ["4096 131072 99999999", "1", "0"]
    assert result["after"] == result["before"]
    assert result["changed"] == [True, False]
    assert result["left"] == []


def test_a_value_that_the_kernel_refuses_leaves_files_and_kernel_as_before() -> None:
    result = in_namespace("""
before = kernel("net.ipv4.tcp_rmem")
answer = apply({"a.conf": {"net.ipv4.tcp_rmem": [4096, 131072, 99999999], "net.ipv4.tcp_window_scaling": 300}})
result = {"answer": answer, "same": kernel("net.ipv4.tcp_rmem") == before, "left": os.listdir("/etc/sysctl.d")}
""")
    assert result["answer"]["error"] == (
        "net.ipv4.tcp_window_scaling = 300: the kernel refused it (Invalid argument); files and kernel are as before."
    )
    assert {row["what"]: row["status"] for row in result["answer"]["rows"]} == {
        "net.ipv4.tcp_rmem": "failed",
        "net.ipv4.tcp_window_scaling": "failed",
    }
    assert result["same"]
    assert result["left"] == []


def test_a_key_that_is_read_only_here_is_refused_before_anything_is_written() -> None:
    result = in_namespace("""
answer = apply({"a.conf": {"net.ipv4.tcp_window_scaling": 0, "net.core.rmem_max": 999999}})
result = {"error": answer["error"], "scaling": kernel("net.ipv4.tcp_window_scaling")}
""")
    assert "net.core.rmem_max cannot be written here" in result["error"]
    assert result["scaling"] == "1"


# A peer whose answers come in by another interface than its questions go out by: a strict rp_filter drops them.
_PEER = """
peer = subprocess.Popen(["unshare", "--net", "sleep", "50"])
import time
while os.readlink(f"/proc/{peer.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
    time.sleep(0.01)
there = f"nsenter --net=/proc/{peer.pid}/ns/net "
for n in (0, 1):
    sh(f"ip link add a{n} type veth peer name b{n}; ip link set b{n} netns {peer.pid}; ip link set a{n} up")
    sh(f"ip addr add 10.9.{n}.1/24 dev a{n}; {there} ip addr add 10.9.{n}.2/24 dev b{n}; {there} ip link set b{n} up")
sh(f"{there} ip link set lo up; {there} ip addr add 10.9.5.5/32 dev lo; ip route add 10.9.5.5 via 10.9.0.2")
"""


def test_a_host_that_loses_a_peer_takes_the_change_back() -> None:
    result = in_namespace(
        _PEER
        + """
sh(f"{there} ip route replace 10.9.0.1/32 via 10.9.1.1 dev b1")
for key in ("all", "a0", "a1"):
    sh(f"echo 0 > /proc/sys/net/ipv4/conf/{key}/rp_filter")
files = {"a.conf": {"net.ipv4.conf.all.rp_filter": 1, "net.ipv4.tcp_window_scaling": 0}}
answer = apply(files, peers=["10.9.5.5", "10.9.77.77"])
result = {"answer": answer, "rp_filter": kernel("net.ipv4.conf.all.rp_filter"),
          "scaling": kernel("net.ipv4.tcp_window_scaling"), "left": os.listdir("/etc/sysctl.d")}
sh(f"{there} ip route del 10.9.0.1/32")
result["with a way back"] = apply(files, peers=["10.9.5.5", "10.9.77.77"])["changed"]
peer.kill()
""",
    )
    assert result["answer"]["error"] == (
        "10.9.5.5 answered before the change and no longer did after it; files and kernel are as before."
    )
    assert (result["rp_filter"], result["scaling"], result["left"]) == ("0", "1", [])
    assert result["with a way back"] is True


def test_arp_keys_are_refused_where_two_interfaces_share_a_subnet_without_source_routing() -> None:
    result = in_namespace("""
for n in (0, 1):
    sh(f"ip link add d{n} type veth peer name e{n}; ip link set d{n} up; ip link set e{n} up")
    sh(f"ip addr add 10.9.0.{n + 1}/24 dev d{n}")
files = {"a.conf": {"net.ipv4.conf.all.arp_filter": 1}, "b.conf": {"net.ipv4.tcp_window_scaling": 0}}
refused = apply(files)
result = {"rows": {row["what"]: row for row in refused["rows"]}, "files": refused["files"]}
sh("ip rule add from 10.9.0.2 table 7; ip route add 10.9.0.0/24 dev d1 table 7")
result["with source routing"] = apply(files)["files"]
""")
    arp = result["rows"]["net.ipv4.conf.all.arp_filter"]
    assert (arp["status"], arp["effective"]) == ("refused", "0")
    assert "d1 and d0 share 10.9.0.0/24, and answers from 10.9.0.2 would leave by d0" in arp["why"]
    assert result["files"] == ["/etc/sysctl.d/b.conf"]
    assert result["with source routing"] == ["/etc/sysctl.d/a.conf"]


def test_round_trips_and_what_the_path_carries() -> None:
    result = in_namespace(
        _PEER
        + """
from ansible_collections.virtscale.tuning.plugins.module_utils._network.info import measure
sh("ip link set a0 mtu 9000")
params = {"interface": "a0", "peers": ["10.9.0.2", "10.9.0.77"], "ping_count": 5, "ping_interval_s": 0.2,
          "path_mtu": True, "softnet_window_s": 0.1, "sysctls": ["net.ipv4.tcp_rmem"], "bond_policy": "report",
          "expected_bond": {"mode": "balance-alb", "slaves": 2, "slave_speed_mbps": 25000}, "where": "host"}
result = measure(params)
params["bond_policy"] = "enforce"
try:
    measure(params)
except TuningError as error:
    result["enforced"] = str(error)
peer.kill()
""",
    )
    assert result["rtt"]["10.9.0.2"]["received"] == 5
    assert 0 < result["rtt"]["10.9.0.2"]["min_ms"] <= result["rtt"]["10.9.0.2"]["avg_ms"]
    assert result["rtt"]["10.9.0.77"] is None or result["rtt"]["10.9.0.77"]["received"] == 0
    assert "peer 10.9.0.77: does not answer" in result["notes"]
    # This side takes 9000 bytes, the other end of the cable only 1500.
    assert result["path_mtu"] == {"10.9.0.2": False}
    assert result["softnet"]["window_s"] >= 0.1
    assert {row["what"] for row in result["rows"]} == {"peer 10.9.0.77", "a0", "path MTU to 10.9.0.2"}
    assert result["enforced"].startswith(
        "host: the network is not as expected: a0 is no bond, expected balance-alb of 2"
    )


def test_without_tools_a_host_still_tells_what_it_can() -> None:
    result = in_namespace("""
from ansible_collections.virtscale.tuning.plugins.module_utils._network import arp as network_arp
from ansible_collections.virtscale.tuning.plugins.module_utils._network import info as network_info
sh("mount --bind /dev/null " + sh("command -v ip").strip())
network_info.find_ping = lambda: None
result = network_info.measure({
    "interface": "none0", "peers": ["10.9.0.2"], "ping_count": 5, "ping_interval_s": 1, "path_mtu": True,
    "softnet_window_s": 0, "sysctls": ["net.ipv4.tcp_rmem", "net.no.such"], "bond_policy": "report",
    "expected_bond": None, "where": "host"})
""")
    assert result["interface"] is None
    assert result["rtt"] is None
    assert result["sysctls"]["net.no.such"] == {"value": None, "boot_value": None, "file": None}
    assert "interface none0: there is no such interface" in result["notes"]
    assert any(note.startswith("ping: is not installed") for note in result["notes"])
