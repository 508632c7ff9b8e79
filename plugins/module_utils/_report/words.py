# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The words of the report, the same on the page and in the terminal."""

from __future__ import annotations

import datetime

from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import RunView, count

STATUS_WORDS = {
    "failed": "failed",
    "refused": "refused",
    "overridden": "overridden",
    "pending": "pending",
    "would_change": "would change",
    "changed": "changed",
    "note": "noted",
    "ok": "right already",
}

ROLE_TITLES = {
    "ceph_network": "Network of the Ceph hosts",
    "ceph_pools": "Placement groups",
    "ceph_metrics": "Ceph metrics",
    "cnv_migration": "Zones and live migration",
    "ocp_kubelet": "Kubelets",
    "ocp_rollout": "Rollout over the nodes",
}


def verdict(view: RunView) -> str:
    """Return the run in one sentence."""
    counts = count(view.lines())
    wrong = counts["failed"] + counts["refused"]
    said = []
    if wrong:
        said.append(f"{_values(wrong)} failed or refused")
    if counts["overridden"]:
        said.append(f"{_values(counts['overridden'])} overridden")
    if counts["pending"]:
        said.append(f"{_values(counts['pending'])} waiting for permission to disrupt")
    if counts["would_change"]:
        said.append(f"{_values(counts['would_change'])} would change")
    if counts["changed"]:
        said.append(f"{_values(counts['changed'])} set and read back")
    if not said:
        return "Everything was right already." if counts["ok"] else "Nothing was recorded."
    if not wrong and not counts["overridden"] and not counts["pending"] and counts["ok"] and not counts["changed"]:
        said.append("the rest was right already")
    text = ", ".join(said)
    return f"{text[0].upper()}{text[1:]}."


def moment_words(moment: str) -> str:
    """Return a recorded moment as a person writes it: ``2026-08-01 12:00 UTC``."""
    return f"{_moment(moment):%Y-%m-%d %H:%M} UTC"


def duration_words(start: str, end: str) -> str:
    """Return how long it was from one recorded moment to another."""
    seconds = round((_moment(end) - _moment(start)).total_seconds())
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _values(number: int) -> str:
    return "1 value" if number == 1 else f"{number:,} values"


def _moment(text: str) -> datetime.datetime:
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")
