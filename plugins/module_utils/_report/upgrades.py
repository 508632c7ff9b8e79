# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Upgrades of the cluster: how long its control plane and its pools took."""

from __future__ import annotations

from ansible_collections.virtscale.tuning.plugins.module_utils._report import axes
from ansible_collections.virtscale.tuning.plugins.module_utils._report.charts import Bar, Look, bars
from ansible_collections.virtscale.tuning.plugins.module_utils._report.figures import (
    figure,
    shown_seconds,
    table,
    time_factors,
    timed,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import Markup
from ansible_collections.virtscale.tuning.plugins.module_utils._report.languages import Language
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import RoleView
from ansible_collections.virtscale.tuning.plugins.module_utils._report.paper import UPGRADE_S
from ansible_collections.virtscale.tuning.plugins.module_utils._report.tables import (
    Found,
    Row,
    Tables,
    label,
    recorded,
)


def rows(role: RoleView) -> Found:
    """Return the upgrades that the role did."""
    for upgrade in recorded(role, "upgrade", "total_s"):
        kept = {key: upgrade.get(key) for key in ("from", "to", "control_plane_s", "pools_s", "total_s")}
        kind = _kind(str(upgrade.get("from")), str(upgrade.get("to")))
        factor = upgrade.get("time_factor", 1)
        machines = {f"vms_{name}": (upgrade.get("vms") or {}).get(name) for name in ("watched", "lost")}
        yield "upgrades", {**kept, **machines, "kind": kind, "paper_s": UPGRADE_S[kind], "time_factor": factor}


def _kind(before: str, after: str) -> str:
    """Return what the paper calls an upgrade: 4.9.15 to 4.9.23 is minor, 4.9 to 4.10 is major."""
    return "minor" if before.split(".")[:2] == after.split(".")[:2] else "major"


def draw(tables: Tables, say: Language) -> list[Markup]:
    """Return the upgrades beside the paper's, nothing where there was none."""
    found = tables.get("upgrades", [])
    if not found:
        return []
    caption = timed(say, say("How long the upgrade took"), found)
    return [_picture(found, caption, say), _table(found, timed(say, say("The upgrade in figures"), found), say)]


def _picture(found: list[Row], caption: Markup, say: Language) -> Markup:
    groups: list[tuple[str, list[Bar]]] = []
    for row in found:
        parts = (
            ("control_plane_s", say("control plane"), "bar-deep"),
            ("pools_s", say("pools"), "bar"),
            ("total_s", say("whole"), "s1"),
        )
        drawn = [
            Bar(row[key], f"{words} {say.seconds(row[key])}", Look(colour))
            for key, words, colour in parts
            if row[key] is not None
        ]
        paper_s = row["paper_s"] / (row["time_factor"] or 1)
        kind = {"minor": say("the paper's minor upgrade"), "major": say("the paper's major upgrade")}[row["kind"]]
        drawn.append(Bar(paper_s, f"{kind} {say.seconds(paper_s)}", Look("reference")))
        groups.append((label(row, found, f"{row['from']} → {row['to']}"), drawn))
    durations = [one.value for _name, group in groups for one in group]
    x = axes.seconds(lambda unit: say("duration, {unit}", unit=say(unit)), durations, whole=True)
    compressed = [factor for factor in time_factors(found) if factor != 1]
    note = say("The paper's durations are compressed alike") if compressed else ""
    return figure(caption, [(note, bars(groups, x))])


def _table(found: list[Row], caption: Markup, say: Language) -> Markup:
    head = ("", say("control plane"), say("pools"), say("whole"), say("the paper"), say("VMs lost"))
    cells = [
        (
            label(row, found, f"{row['from']} → {row['to']}"),
            *(shown_seconds(say, row[key]) for key in ("control_plane_s", "pools_s", "total_s", "paper_s")),
            _lost(row, say),
        )
        for row in found
    ]
    return table(say, caption, head, cells)


def _lost(row: Row, say: Language) -> str:
    if row["vms_lost"] is None or row["vms_watched"] is None:
        return ""
    return say("{lost:,} of {vms:,}", lost=row["vms_lost"], vms=row["vms_watched"])
