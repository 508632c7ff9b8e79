# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""How fast a running member's storage and network are, by its own counters over a window, against what etcd needs."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd import activity, device, metrics
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.configuration import Configuration
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.http_client import Json
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.look import Look
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row

# Histograms and the p99 in milliseconds that they should stay below: the first and the last are OpenShift's recommended
# practices, the second is etcd's FAQ.
WAL_FSYNC = ("etcd_disk_wal_fsync_duration_seconds", 10.0, "WAL fsync p99")
BACKEND_COMMIT = ("etcd_disk_backend_commit_duration_seconds", 25.0, "backend commit p99")
PEER_RTT = ("etcd_network_peer_round_trip_time_seconds", 50.0, "peer round trip p99")
# etcd's own where none is set: 2 GiB.
_DEFAULT_QUOTA_BYTES = 2 * 1024**3
_QUOTA_SHARE = 0.8
# Less than this is not worth the time for which a member answers nobody.
_FRAGMENTED_SHARE, _SMALL_DATABASE_BYTES = 0.45, 100 * 1024**2
# What others write on etcd's device is told of above this.
_OTHERS_BYTES_S, _OTHERS_SHARE = 1024**2, 0.5
_GOOD_KINDS = ("nvme", "ssd")
_WHY_NOT = {
    "rotational": "a rotating disk: etcd waits for every write, which such a disk makes a hundred of in a second",
    "network": "storage over a network: each of etcd's writes waits for it",
    "memory": "memory: all is lost with the next boot",
    "virtual": "a disk from a hypervisor, which does not tell what is below: only measuring tells",
    "unknown": "what is below could not be found out: only measuring tells",
}


def watch(
    configuration: Configuration | None, read_metrics: t.Callable[[], str], window_s: float, notes: list[str]
) -> Json:
    """Return the facts of storage and network, taken over a window; without one, what was counted since the start."""
    storage = device.below(configuration.data_dir) if configuration and configuration.data_dir else None
    disk = next((each.name for each in storage.devices), None) if storage else None
    # The device of the file system itself, where that is one of its own: a mapping or a loop device counts too.
    first_name = next((each.path[0] for each in storage.devices if each.path), disk) if storage else None
    pid = configuration.pid if configuration else None
    before = _read(read_metrics, notes) if window_s else None
    first = activity.sample(pid, first_name)
    time.sleep(window_s)
    second = activity.sample(pid, first_name)
    counted = _read(read_metrics, notes)
    told: Json = {**(device.as_facts(storage) if storage else {}), "window_s": window_s}
    told["activity"] = activity.rates(first, second) if window_s and configuration else None
    told.update(_latencies(counted, before))
    quota = metrics.value(counted, "etcd_server_quota_backend_bytes")
    told["quota_bytes"] = int(quota) if quota else _quota(configuration)
    changes = metrics.value(counted, "etcd_server_leader_changes_seen_total")
    told["leader_changes"] = None if changes is None else int(changes)
    return told


def _read(read_metrics: t.Callable[[], str], notes: list[str]) -> metrics.Metrics:
    try:
        return metrics.parse(read_metrics())
    except TuningError as error:
        if str(error) not in notes:
            notes.append(str(error))
        return {}


def _latencies(counted: metrics.Metrics, before: metrics.Metrics | None) -> Json:
    """Return percentiles in milliseconds: of the window, or since the start where nothing happened in it."""
    told: Json = {}
    for key, (name, _limit, _title) in (("wal_fsync", WAL_FSYNC), ("backend_commit", BACKEND_COMMIT)):
        recent = metrics.observed(counted, name, before) > 0 and before is not None
        found = metrics.quantile(counted, name, 0.99, before if recent else None)
        told[f"{key}_p99_ms"] = _ms(found)
        told[f"{key}_count"] = metrics.observed(counted, name, before if recent else None)
        told[f"{key}_since_start"] = not recent
    told["peer_rtt_p99_ms"] = {
        peer: _ms(metrics.quantile(counted, PEER_RTT[0], 0.99, to=peer)) for peer in metrics.peers(counted, PEER_RTT[0])
    }
    return told


def judge(where: str, told: Json, found: Look) -> list[Row]:
    """Return a row for each thing that etcd needs of its storage and its network."""
    rows = [_device_row(where, each) for each in told.get("devices", [])]
    rows += _load_rows(where, told)
    for key, (_name, limit, title) in (("wal_fsync", WAL_FSYNC), ("backend_commit", BACKEND_COMMIT)):
        since = "since it started" if told.get(f"{key}_since_start") else f"in {told['window_s']:g} s"
        rows.append(_limit_row(where, title, told.get(f"{key}_p99_ms"), limit, f"{told.get(f'{key}_count')} {since}"))
    names = {member["id"]: member["name"] for member in found.members}
    for peer, value in told.get("peer_rtt_p99_ms", {}).items():
        # A member that was replaced stays in the counters until the next start.
        if peer in names:
            rows.append(_limit_row(where, f"{PEER_RTT[2]} to {names[peer]}", value, PEER_RTT[1], "since it started"))
    return rows + _database_rows(where, told, found)


def _device_row(where: str, each: Json) -> Row:
    name = each["name"] or each["kind"]
    text = f"{name} ({each['kind']}{', ' + each['model'] if each['model'] else ''})"
    good = each["kind"] in _GOOD_KINDS
    why = "small writes at once, which etcd makes" if good else _WHY_NOT[each["kind"]]
    return row(where, "device", wanted="NVMe or SSD", effective=text, status="ok" if good else "note", why=why)


def _load_rows(where: str, told: Json) -> list[Row]:
    rows = []
    if told.get("shared_with"):
        others = ", ".join(told["shared_with"])
        why = "what is written there delays etcd's writes: give etcd a device of its own"
        rows.append(row(where, "device shared with", wanted="nothing", effective=others, status="note", why=why))
    rates = told.get("activity") or {}
    all_, own = rates.get("write_bytes_s"), rates.get("etcd_write_bytes_s")
    if all_ is not None and own is not None:
        others_bytes_s = max(0.0, all_ - own)
        busy = others_bytes_s > _OTHERS_BYTES_S and others_bytes_s > _OTHERS_SHARE * all_
        text = f"{others_bytes_s / 1024:.0f} KiB/s beside etcd's {own / 1024:.0f} KiB/s"
        why = "others write more than etcd on its device" if busy else "the file system's journal is part of it"
        rows.append(row(where, "other writes on the device", effective=text, status="note" if busy else "ok", why=why))
    return rows


def _limit_row(where: str, what: str, value: float | None, limit: float, count: str) -> Row:
    wanted = f"below {limit:g} ms"
    if value is None:
        return row(where, what, wanted=wanted, status="note", why="nothing was observed")
    slow = value >= limit
    why = f"too slow for etcd ({count})" if slow else count
    return row(where, what, wanted=wanted, effective=f"{value:g} ms", status="note" if slow else "ok", why=why)


def _database_rows(where: str, told: Json, found: Look) -> list[Row]:
    if found.status is None:
        return []
    size, used = found.status.db_size_bytes, found.status.db_in_use_bytes
    told.update(db_size_bytes=size, db_in_use_bytes=used)
    rows = []
    quota = told["quota_bytes"]
    full = size > _QUOTA_SHARE * quota
    share = size / quota
    why = "near the quota, at which etcd takes no more writes: defragment, or raise it" if full else "of its quota"
    text = f"{_mib(size)} of {_mib(quota)} ({share:.0%})"
    wanted = f"below {_QUOTA_SHARE:.0%}"
    rows.append(row(where, "database", wanted=wanted, effective=text, status="note" if full else "ok", why=why))
    if used is not None:
        told["fragmented_share"] = round(1 - used / size, 4) if size else 0.0
        free = size - used
        much = fragmented(size, used)
        why = "defragment it: -e etcd_host_defragment=true" if much else "not worth defragmenting"
        text = f"{told['fragmented_share']:.0%} ({_mib(free)})"
        rows.append(row(where, "free pages", effective=text, status="note" if much else "ok", why=why))
    rows += [row(where, f"alarm {alarm}", status="note", why="raised by a member") for alarm in found.alarms]
    return rows


def fragmented(size_bytes: int, in_use_bytes: int | None) -> bool:
    """Return whether a database has so many free pages that defragmenting is worth it.

    By the figures of OpenShift's cluster-etcd-operator, in its ``defragcontroller.go``.
    """
    if in_use_bytes is None:
        return False
    return size_bytes >= _SMALL_DATABASE_BYTES and size_bytes - in_use_bytes >= _FRAGMENTED_SHARE * size_bytes


def _quota(configuration: Configuration | None) -> int:
    value = configuration.values.get("ETCD_QUOTA_BACKEND_BYTES", "") if configuration else ""
    return int(value) if value.isdigit() and int(value) else _DEFAULT_QUOTA_BYTES


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _mib(size_bytes: float) -> str:
    return f"{size_bytes / 1024**2:.1f} MiB"
