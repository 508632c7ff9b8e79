# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""One screen of a run: what each role did, what needs attention, where the page is."""

from __future__ import annotations

import textwrap
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._report.groups import Concern, Variant, concerns
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import BY_URGENCY, RunView, count
from ansible_collections.virtscale.tuning.plugins.module_utils._report.words import verdict

LINES_MAX = 24
COLUMNS_MAX = 100

_ROLE_WIDTH = 15
_STATUS_WIDTH = 11
# Beside the exceptions: a blank line, their heading, "and more", a blank line, and where the page is.
_OTHER_LINES = 5


def summary(view: RunView, page: str) -> list[str]:
    """Return the screen, at most LINES_MAX lines of at most COLUMNS_MAX columns.

    :param page: where the page is; alone on its line, it is never cut.
    """
    title = f"{view.run_id}, in check mode" if view.check_mode else view.run_id
    lines = [*_wrapped(f"{title}: {verdict(count(view.lines()))}"), "", *_table(view)]
    exceptions = _exceptions(view)
    if exceptions:
        lines += ["", "Needs attention:", *_fitting(exceptions, LINES_MAX - len(lines) - _OTHER_LINES)]
    return [*lines, "", f"Page: {page}"]


def _table(view: RunView) -> list[str]:
    total = count(view.lines())
    # From what is fine over what was done to what is wrong.
    shown = [status for status in reversed(BY_URGENCY) if total[status]]
    names = {status: status.replace("_", " ") for status in shown}
    lines = ["".ljust(_ROLE_WIDTH) + "".join(name.rjust(len(name) + 2) for name in names.values())]
    for role in view.roles:
        counts = role.counts()
        cells = (str(counts[status] or "-").rjust(len(names[status]) + 2) for status in shown)
        lines.append(role.name.ljust(_ROLE_WIDTH) + "".join(cells))
    return lines


def _exceptions(view: RunView) -> list[list[str]]:
    return [_told(concern) for concern in concerns(view.attention())]


def _fitting(exceptions: list[list[str]], room: int) -> t.Iterator[str]:
    for position, told in enumerate(exceptions):
        room -= len(told)
        if room < 0:
            yield f"  and {len(exceptions) - position} more on the page"
            return
        yield from told


def _told(concern: Concern) -> list[str]:
    label = f"  {concern.status.replace('_', ' '):<{_STATUS_WIDTH}} "
    parts = _one(concern.variants[0]) if len(concern.variants) == 1 else [f"{concern.role}, {concern.values} values"]
    return _wrapped(label + ": ".join([*parts, concern.why or "no reason was recorded"]), indent=len(label))


def _one(variant: Variant) -> list[str]:
    number = len(variant.places)
    wanted, effective = variant.value("wanted"), variant.value("effective")
    parts = [f"{variant.where}{f' ({number})' if number > 1 else ''} {variant.what}"]
    if None not in (wanted, effective) and wanted != effective:
        parts.append(f"wanted {wanted}, is {effective}")
    return parts


def _wrapped(text: str, indent: int = 2) -> list[str]:
    return textwrap.wrap(
        text,
        COLUMNS_MAX,
        subsequent_indent=" " * indent,
        max_lines=2,
        placeholder=" ...",
        drop_whitespace=True,
        replace_whitespace=False,
    )
