# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Which lines of nova.conf a passthrough needs, beside what is there already.

Nova's documentation: configuration/config.html, [pci] and [filter_scheduler]. ``alias`` takes one device in each
line; the device lists take one or several. ``[pci] report_in_placement`` and ``[filter_scheduler] pci_in_placement``
cannot be taken back once they are on, and stay as they are.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._nova.marks import Assignment
from ansible_collections.virtscale.tuning.plugins.module_utils._nova.oslo_ini import Document, Option
from ansible_collections.virtscale.tuning.plugins.module_utils._nova.release import Release

PCI_FILTER = "PciPassthroughFilter"
_ALL_FILTERS = "nova.scheduler.filters.all_filters"
_FILTER_CLASS = f"nova.scheduler.filters.pci_passthrough_filter.{PCI_FILTER}"

FILTERS = ("filter_scheduler", "enabled_filters")
FILTERS_ROW = "[filter_scheduler] enabled_filters"
_AVAILABLE = [("filter_scheduler", "available_filters"), ("DEFAULT", "scheduler_available_filters")]
_ALIASES = [("pci", "alias"), ("DEFAULT", "pci_alias")]
_DEVICES = [("pci", "device_spec"), ("pci", "passthrough_whitelist"), ("DEFAULT", "pci_passthrough_whitelist")]

Spec = t.Dict[str, str]


class Line(t.NamedTuple):
    """One wanted setting: its name, its value in the file, and the assignment that it takes (None: nothing to do)."""

    what: str
    value: str
    assignment: Assignment | None
    before: str | None
    why: str


class Files(t.NamedTuple):
    """nova.conf as a person left it, and the files that nova reads before it (a distribution's defaults)."""

    conf: Document
    earlier: list[Document]


def filter_lines(files: Files, release: Release | None, filters: t.Sequence[str]) -> list[Line]:
    """Return what a scheduler needs: the filter behind those that it has.

    :param filters: the list to begin with where no file has one; empty means the release's own default.
    :raises TuningError: where none of these is known.
    """
    names = release.filters_names if release else [FILTERS]
    present = next((found for found in (d.last(*names) for d in (files.conf, *reversed(files.earlier))) if found), None)
    if present is not None:
        begin, source = _list(present.value), f"behind the list of [{present.section}] {present.key}"
    elif filters:
        begin, source = list(filters), "behind the list that was given"
    elif release and release.filters:
        begin, source = list(release.filters), f"behind the default list of nova {release.version}"
    else:
        raise TuningError(
            "No file has a list of filters, and no nova is installed here whose default could be taken: give filters."
        )
    before = None if present is None else present.value
    if PCI_FILTER in begin:
        lines = [Line(FILTERS_ROW, ",".join(begin), None, before, "there already")]
    else:
        value = ",".join([*begin, PCI_FILTER])
        own = files.conf.last(FILTERS)
        lines = [Line(FILTERS_ROW, value, Assignment(*FILTERS, value, own), before, source)]
    return [*lines, *_available_lines(files)]


def alias_line(files: Files, alias: Spec) -> Line:
    """Return the line that gives a device its name.

    :raises TuningError: where the name is another device's already.
    """
    value = json.dumps(alias)
    for document in (*files.earlier, files.conf):
        for option in document.all(*_ALIASES):
            known = _json(option)
            if known == alias:
                return Line("[pci] alias", value, None, option.value, "there already")
            if isinstance(known, dict) and known.get("name") == alias["name"]:
                raise TuningError(
                    f"[{option.section}] {option.key} already gives the name {alias['name']} to {option.value}: "
                    "take that out, or choose another name."
                )
    return Line("[pci] alias", value, Assignment("pci", "alias", value), None, "")


def device_lines(files: Files, option: str, devices: t.Sequence[Spec]) -> list[Line]:
    """Return a line for each device that nova may give away."""
    known = [spec for document in (*files.earlier, files.conf) for o in document.all(*_DEVICES) for spec in _specs(o)]
    lines = []
    for device in devices:
        value = json.dumps(device)
        covering = next((spec for spec in known if spec and spec.items() <= device.items()), None)
        if covering is not None:
            lines.append(Line(f"[pci] {option}", value, None, json.dumps(covering), "there already"))
        else:
            lines.append(Line(f"[pci] {option}", value, Assignment("pci", option, value), None, ""))
    return lines


def overridden(later: t.Sequence[Document], release: Release | None) -> str:
    """Return why the filter would not be effective: a file that nova reads after nova.conf has a list without it."""
    names = release.filters_names if release else [FILTERS]
    for document in reversed(later):
        option = document.last(*names)
        if option is not None:
            return "" if PCI_FILTER in _list(option.value) else f"{document.name} has a list without {PCI_FILTER}"
    return ""


def _available_lines(files: Files) -> list[Line]:
    present = [o.value for d in (*files.earlier, files.conf) for o in d.all(*_AVAILABLE)]
    what = "[filter_scheduler] available_filters"
    if not present or _ALL_FILTERS in present or _FILTER_CLASS in present:
        return [
            Line(what, _ALL_FILTERS, None, present[-1] if present else None, "there already" if present else "default")
        ]
    assignment = Assignment("filter_scheduler", "available_filters", _ALL_FILTERS)
    return [Line(what, _ALL_FILTERS, assignment, present[-1], "what the file has leaves the filter out")]


def _list(value: str) -> list[str]:
    return [word.strip() for word in value.replace("\n", ",").split(",") if word.strip()]


def _specs(option: Option) -> list[Spec]:
    known = _json(option)
    return [spec for spec in (known if isinstance(known, list) else [known]) if isinstance(spec, dict)]


def _json(option: Option) -> t.Any:
    try:
        return json.loads(option.value)
    except ValueError:
        return None
