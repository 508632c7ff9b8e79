# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The one shape in which every step reports a value: what the records, the report and the audit are built on."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError

Row = t.Dict[str, t.Optional[str]]

STATUSES: dict[str, str] = {
    "ok": "was right already",
    "changed": "set, and read back where it lives",
    "would_change": "check mode: differs from what is wanted",
    "overridden": "something else wins; why names it",
    "refused": "a gate said no; nothing was changed",
    "pending": "needs allow_disruption",
    "failed": "tried, and not effective",
    "note": "advice; nothing to set",
}


def row(
    where: str,
    what: str,
    *,
    before: t.Any = None,
    wanted: t.Any = None,
    effective: t.Any = None,
    status: str,
    why: str = "",
) -> Row:
    """Return one reported value.

    :param where: the object that holds it: ``ceph03``, ``pool vms``, ``node worker017``.
    :param what: its name there: ``net.core.rmem_max``, ``pg_num``, ``spec.kubeletConfig.maxPods``.
    :param effective: the value read back where it lives; None when it is not known (yet).
    :param status: one of STATUSES.
    :param why: the rule or the evidence, in one line.
    """
    if status not in STATUSES:
        raise TuningError(f"status is {status!r}, but must be one of {', '.join(STATUSES)}.")
    return {
        "where": where,
        "what": what,
        "before": _text(before),
        "wanted": _text(wanted),
        "effective": _text(effective),
        "status": status,
        "why": why,
    }


def any_refused(rows: t.Iterable[Row]) -> bool:
    """Return whether a gate said no, so that nothing may be changed."""
    return any(one["status"] == "refused" for one in rows)


def in_words(rows: t.Sequence[Row]) -> list[str]:
    """Return a line for each row of a plan; where something stands against it, of that alone."""
    refused = [one for one in rows if one["status"] == "refused"]
    if refused:
        return [f"refused: {one['where']}, {one['what']}: {one['why']}" for one in refused]
    return [f"{one['where']}, {one['what']}: {_said(one)}" for one in rows]


def _said(one: Row) -> str:
    value = one["effective"]
    if one["status"] in ("would_change", "pending") and one["before"] != one["wanted"]:
        value = f"{one['before'] or 'none'} -> {one['wanted'] or 'none'}"
    return "; ".join(part for part in (value, one["why"]) if part)


def _text(value: t.Any) -> str | None:
    return None if value is None else str(value)
