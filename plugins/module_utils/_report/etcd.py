# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""etcd: how fast each member's storage is, and what members took before and after a migration to v3, side by side."""

from __future__ import annotations

from ansible_collections.virtscale.tuning.plugins.module_utils._report import axes
from ansible_collections.virtscale.tuning.plugins.module_utils._report.charts import Bar, Drawing, Look, bars
from ansible_collections.virtscale.tuning.plugins.module_utils._report.figures import figure, table
from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import Markup
from ansible_collections.virtscale.tuning.plugins.module_utils._report.languages import Language
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import RoleView
from ansible_collections.virtscale.tuning.plugins.module_utils._report.tables import Found, Row, Tables, label

_STORAGE = ("wal_fsync_p99_ms", "backend_commit_p99_ms", "db_size_bytes", "db_in_use_bytes", "quota_bytes")
_FIGURES = ("write_iops", "read_iops", "cpu_percent", "rss_mib", "write_kib", "read_kib")
_WHEN = (("before", "v2", Look("bar")), ("after", "v3", Look("bar-deep")))
_MIB = 1024**2


def rows(role: RoleView) -> Found:
    """Return what was measured of members, and of their migration."""
    for data in role.data.get("measure", {}).values():
        told = data.get("etcd") if isinstance(data, dict) else None
        if told and data.get("member"):
            storage, member = told["storage"], data["member"]
            kinds = ", ".join(device["kind"] for device in storage.get("devices", []))
            trips = [trip for trip in storage["peer_rtt_p99_ms"].values() if trip is not None]
            yield (
                "etcd_members",
                {
                    "member": member["name"],
                    "version": member["version"],
                    "leader": member["leader"],
                    "schema": data["schema"]["in_use"],
                    "device": kinds,
                    **{name: storage.get(name) for name in _STORAGE},
                    "peer_rtt_p99_ms": max(trips, default=None),
                },
            )
    for data in role.data.get("apply", {}).values():
        measured = data.get("figures") if isinstance(data, dict) else None
        for host, result in (measured or {}).items():
            for moment in ("rest", "load"):
                for when, storage, _look in _WHEN:
                    found = ((result.get("figures") or {}).get(when) or {}).get(moment)
                    if found:
                        about = {"member": host, "moment": moment, "storage": storage}
                        yield "etcd_migration", {**about, **{name: found.get(name) for name in _FIGURES}}


def draw(tables: Tables, say: Language) -> list[Markup]:
    """Return the members' table and the pictures of a migration, each where there is something to show."""
    drawn = []
    if tables.get("etcd_members"):
        drawn.append(_members(tables["etcd_members"], say))
    if tables.get("etcd_migration"):
        drawn.append(_migration(tables["etcd_migration"], say))
    return drawn


def _members(found: list[Row], say: Language) -> Markup:
    latencies = (say("WAL fsync p99"), say("backend commit p99"), say("round trip p99"))
    head = ("", say("device"), *latencies, say("database"), say("storage"))
    cells = [
        (
            label(row, found, _named(row, say)),
            row["device"],
            *(_ms(row[name]) for name in ("wal_fsync_p99_ms", "backend_commit_p99_ms", "peer_rtt_p99_ms")),
            "" if row["db_size_bytes"] is None else f"{row['db_size_bytes'] / _MIB:.1f} MiB",
            row["schema"] or "",
        )
        for row in found
    ]
    return table(say, say("The members of etcd (below 10, 25 and 50 ms is what etcd needs)"), head, cells)


def _named(row: Row, say: Language) -> str:
    return f"{row['member']} ({say('leader')})" if row["leader"] else str(row["member"])


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} ms"


def _migration(found: list[Row], say: Language) -> Markup:
    titles = {
        "write_iops": say("writes a second"),
        "read_iops": say("reads a second"),
        "cpu_percent": say("processor, %"),
        "rss_mib": say("memory, MiB"),
        "write_kib": say("size of a write, KiB"),
        "read_kib": say("size of a read, KiB"),
    }
    panels = [(title, _panel(found, name, title, say)) for name, title in titles.items() if _known(found, name)]
    legend = [(storage, look) for _when, storage, look in _WHEN]
    return figure(say("etcd before and after its migration to the v3 storage"), panels, legend)


def _known(found: list[Row], name: str) -> list[float]:
    return [float(row[name]) for row in found if row[name] is not None]


def _panel(found: list[Row], name: str, title: str, say: Language) -> Drawing:
    moments = {"rest": say("at rest"), "load": say("under load")}
    groups: dict[str, list[Bar]] = {}
    for row in found:
        if row[name] is not None:
            look = next(look for _when, storage, look in _WHEN if storage == row["storage"])
            group = label(row, found, str(row["member"]), moments[row["moment"]])
            drawn = Bar(float(row[name]), f"{row['storage']} {row[name]:g}", look)
            groups.setdefault(group, []).append(drawn)
    return bars(list(groups.items()), axes.numbers(title, _known(found, name)))
