# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of a run over the reference architecture, with a few things gone wrong."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._record import Json, Run, host_entry
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row

KEYS = {
    "net.ipv4.conf.all.arp_announce": ("0", "2"),
    "net.ipv4.conf.all.arp_ignore": ("0", "1"),
    "net.ipv4.neigh.default.gc_thresh1": ("128", "4096"),
    "net.ipv4.neigh.default.gc_thresh2": ("512", "16384"),
    "net.ipv4.neigh.default.gc_thresh3": ("1024", "32768"),
    "net.ipv4.tcp_window_scaling": ("1", "1"),
    "net.core.rmem_max": ("212992", "5242880"),
    "net.core.wmem_max": ("212992", "5242880"),
    "net.core.wmem_default": ("212992", "2097152"),
    "net.ipv4.tcp_rmem": ("4096 131072 6291456", "4096 131072 6291456"),
    "net.ipv4.tcp_wmem": ("4096 16384 4194304", "4096 16384 5242880"),
    "net.core.netdev_budget": ("300", "1000"),
    "net.core.netdev_max_backlog": ("1000", "5000"),
}
HOSTS = [f"ceph{number:02}" for number in range(1, 48)] + ["guest01", "guest02"]
WORKERS = [f"worker{number:03}" for number in range(1, 101)]
OVERRIDER = "/etc/sysctl.d/99.9-local.conf"


def reference_run(artifacts: Path, run_id: str = "20260801T120000Z-site", check_mode: bool = False) -> Run:
    """Write a run in which ceph23 was unreachable, guest01 has a file of its own, and one pool was refused."""
    run = Run(artifacts, run_id)
    run.begin(check_mode=check_mode)
    run.add("ceph_network", "measure", {host: _measured(host) for host in HOSTS})
    run.add("ceph_network", "apply", {host: _applied(host, check_mode) for host in HOSTS if host != "ceph23"})
    run.add("ceph_pools", "plan", {"ceph-admin": _pool_plan()})
    run.add("ceph_pools", "apply", {"ceph-admin": host_entry(rows=_pool_rows(check_mode))})
    run.add("ceph_metrics", "apply", {"ceph-admin": host_entry(rows=_metric_rows())})
    run.add("ocp_kubelet", "apply", {"ocp-api": host_entry(rows=_kubelet_rows(check_mode))})
    run.add("ocp_rollout", "apply", {"ocp-api": host_entry(data={"pools": _pools()}, rows=_node_rows(check_mode))})
    return run


def _measured(host: str) -> Json:
    if host == "ceph23":
        message = "Failed to connect to the host via ssh: connect to host 10.231.1.23 port 22: No route to host"
        return host_entry(state="unreachable", message=message)
    seed = sum(ord(letter) * 7 for letter in host) % 23
    average = 0.208 if host == "ceph17" else 0.112 + seed / 400
    rtt = {"10.231.2.1": _trip(average), "10.231.2.50": _trip(average * 0.9)}
    bond = {"name": "bond0", "mode": "balance-alb", "slaves": ["eno1", "eno2"], "summed_mbps": 50000, "mtu": 9000}
    softnet = {"processed": 1843021 + seed * 4211, "dropped": 0, "squeezed": seed % 3}
    rows = []
    if host == "ceph31":
        why = "one of two slaves is down; a flow gets 25000 Mb/s as before, the bond half"
        rows = [row(host, "bond0 slaves", before="1", wanted="2", status="note", why=why)]
    return host_entry(data={"interface": bond, "rtt": rtt, "softnet": softnet}, rows=rows)


def _trip(average: float) -> dict[str, float]:
    times = {"min_ms": average * 0.72, "avg_ms": average, "max_ms": average * 1.35}
    return {"sent": 60, "received": 60, **{name: round(value, 3) for name, value in times.items()}}


def _applied(host: str, check_mode: bool) -> Json:
    return host_entry(rows=[_sysctl_row(host, key, *values, check_mode) for key, values in KEYS.items()])


def _sysctl_row(host: str, key: str, before: str, wanted: str, check_mode: bool) -> Row:
    why = "512 KiB x 10 packets" if "mem" in key else "reference architecture"
    if host == "guest01" and key == "net.core.rmem_max":
        why = f"{OVERRIDER} is read later and sets 4194304"
        return row(host, key, before="4194304", wanted=wanted, effective="4194304", status="overridden", why=why)
    if before == wanted:
        return row(host, key, before=before, wanted=wanted, effective=before, status="ok", why=why)
    if host == "ceph05" and key == "net.core.rmem_max":
        before = "16777216"
        never = "16777216 is kept: never lowered"
        return row(host, key, before=before, wanted=before, effective=before, status="ok", why=never)
    if check_mode:
        return row(host, key, before=before, wanted=wanted, status="would_change", why=why)
    return row(host, key, before=before, wanted=wanted, effective=wanted, status="changed", why=why)


def _pool_plan() -> Json:
    plan = {
        "name": "vms",
        "osds": 141,
        "replicas": 3,
        "other_pg_replicas": 3,
        "pg_num_now": 32,
        "pg_num": 4096,
        "raw": 3995.0,
        "pgs_per_osd": 87.1,
        "pgs_per_osd_one_host_out": 89.0,
        "within_limit": True,
        "evidence": "141 OSDs x 100 PGs x 0.85 / 3 replicas = 3995, nearest power of two 4096",
    }
    return host_entry(data={"limits": {"mon_max_pg_per_osd": 250}, "pools": [plan]})


def _pool_rows(check_mode: bool) -> list[Row]:
    why = "141 OSDs x 100 PGs x 0.85 / 3 replicas = 3995, nearest power of two"
    refused = "HEALTH_WARN: 2 osds down; nothing is changed while data is being repaired"
    mode = "would_change" if check_mode else "changed"
    return [
        row("pool vms", "pg_autoscale_mode", before="on", wanted="off", effective="off", status=mode, why=why),
        row("pool vms", "pg_num", before=32, wanted=4096, effective=32, status="refused", why=refused),
    ]


def _metric_rows() -> list[Row]:
    why = "Prometheus scrapes every 15 s; a scrape interval of 60 s gives it the same figure four times"
    return [
        row("ceph", "mgr/prometheus/rbd_stats_pools", before="", wanted="vms", effective="vms", status="changed"),
        row("ceph", "mgr/prometheus/scrape_interval", before="15.0", wanted="60", effective="60", status="changed"),
        row("ceph", "the scrape interval of Prometheus", before="15s", wanted="60s", status="note", why=why),
    ]


def _kubelet_rows(check_mode: bool) -> list[Row]:
    where = "KubeletConfig virtscale-tuning"
    status = "would_change" if check_mode else "changed"
    values = {"maxPods": (250, 500), "kubeAPIBurst": (100, 200), "kubeAPIQPS": (50, 100)}
    return [
        row(where, f"spec.kubeletConfig.{name}", before=old, wanted=new, effective=new, status=status)
        for name, (old, new) in values.items()
    ]


def _node_rows(check_mode: bool) -> list[Row]:
    if check_mode:
        why = "rolling 100 nodes takes about 25 minutes and needs allow_disruption"
        return [row("100 nodes", "maxPods", before=250, wanted=500, status="pending", why=why)]
    return [
        row(f"node {name}", "status.capacity.pods", before=250, wanted=500, effective=500, status="changed")
        for name in WORKERS
    ]


def _pools() -> list[Json]:
    found = []
    for zone in range(3):
        nodes = WORKERS[zone::3]
        timed = [
            {"node": node, "began_s": zone * 125 + number // 10 * 31.0 + number % 10 * 0.4, "total_s": 28.5}
            for number, node in enumerate(nodes)
        ]
        found.append({"name": f"zone-{zone}", "phase": "updated", "nodes": timed})
    return found
