# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""nova.conf kept as a passthrough needs it: our lines and no others, all of them or none."""

from __future__ import annotations

import datetime
import glob
import os
import re
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._boot.loader import Run, run_program
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._files import below, read_file, write_file
from ansible_collections.virtscale.tuning.plugins.module_utils._nova.marks import Marks
from ansible_collections.virtscale.tuning.plugins.module_utils._nova.oslo_ini import Document
from ansible_collections.virtscale.tuning.plugins.module_utils._nova.plan import (
    FILTERS_ROW,
    Files,
    Line,
    Spec,
    alias_line,
    device_lines,
    filter_lines,
    overridden,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._nova.release import Release, read_release
from ansible_collections.virtscale.tuning.plugins.module_utils._nova.services import MOMENT, running_services
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row

# What Red Hat's packages have nova read before /etc/nova/nova.conf.
_EARLIER = ("/usr/share/nova/nova-dist.conf",)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class Context(t.NamedTuple):
    """All that a plan is made from, but the parameters."""

    text: str
    clean: str
    files: Files
    later: list[Document]
    release: Release | None


def keep_conf(params: dict[str, t.Any], check_mode: bool, run: Run = run_program, root: str = "/") -> dict[str, t.Any]:
    """Bring nova.conf to what ``params`` ask for, and return the module's results.

    :raises InvalidValue: for a name that is none.
    :raises TuningError: where there is no such file, nova would refuse it, or a name is taken.
    """
    if not _NAME.fullmatch(params["name"]):
        raise InvalidValue("name", params["name"], "letters, digits, dashes and underscores")
    marks = Marks(params["name"])
    context = _read(params["conf"], marks, root)
    now = f"{datetime.datetime.now(datetime.timezone.utc):{MOMENT}}"
    lines = _lines(params, context) if params["state"] == "present" else []
    assignments = [line.assignment for line in lines if line.assignment]
    changed = not marks.settled(context.text, params["conf"], assignments, context.files.conf)
    text = marks.applied(context.clean, params["conf"], assignments, now) if changed else context.text
    services = running_services(params["services"], run, root)
    if changed:
        restart = sorted(services)
        if not check_mode:
            write_file(below(root, params["conf"]), text, mode=0o640)
    else:
        restart = sorted(name for name, started in services.items() if started < marks.moment(text))
    diff = {"before_header": params["conf"], "after_header": params["conf"], "before": context.text, "after": text}
    return {
        "changed": changed or bool(restart),
        "restart": restart,
        "nova_version": context.release.version if context.release else None,
        "rows": _rows(params, context, marks, lines, check_mode, restart),
        "diff": [diff] if changed else [],
    }


def _read(conf: str, marks: Marks, root: str) -> Context:
    text = read_file(below(root, conf))
    if text is None:
        raise TuningError(f"{conf} is not here: name the file that nova's services on this host read.")
    clean = marks.undone(text, conf)
    earlier = [Document(read_file(below(root, path)) or "", path) for path in _EARLIER]
    pattern = os.path.join(below(root, f"{conf}.d"), "*.conf")
    later = [
        Document(read_file(path) or "", f"{conf}.d/{os.path.basename(path)}") for path in sorted(glob.glob(pattern))
    ]
    return Context(text, clean, Files(Document(clean, conf), earlier), later, read_release(root))


def _lines(params: dict[str, t.Any], context: Context) -> list[Line]:
    lines: list[Line] = []
    alias: Spec | None = params["alias"]
    if params["scheduler"]:
        lines += filter_lines(context.files, context.release, params["filters"])
    if alias:
        lines.append(alias_line(context.files, alias))
    if params["devices"]:
        option = params["device_option"]
        if option == "auto":
            if context.release is None:
                raise TuningError(
                    "No nova is installed here, so its version is not known: set device_option to device_spec (since "
                    "Zed, 26) or to passthrough_whitelist (before)."
                )
            option = context.release.device_option
        lines += device_lines(context.files, option, params["devices"])
    return lines


def _rows(
    params: dict[str, t.Any], context: Context, marks: Marks, lines: list[Line], check_mode: bool, restart: list[str]
) -> list[Row]:
    where, done = params["where"], "would_change" if check_mode else "changed"
    present = {(o.section, o.key, o.value) for o in Document(context.text, params["conf"]).options}
    rows = []
    for line in lines:
        one = line.assignment
        there = one is None or (one.section, one.key, one.value) in present
        status, why = "ok" if there else done, line.why
        if line.what == FILTERS_ROW:
            against = overridden(context.later, context.release)
            status, why = ("overridden", against) if against else (status, why)
        before = line.value if there else line.before
        effective = None if check_mode and not there else line.value
        rows.append(
            row(where, line.what, before=before, wanted=line.value, effective=effective, status=status, why=why)
        )
    wanted = {line.value for line in lines}
    for old in _ours(context, marks, params["conf"]):
        if old not in wanted:
            rows.append(row(where, "line of nova.conf", before=old, wanted=None, status=done, why="given back"))
    for name in restart:
        rows.append(row(where, name, wanted="restarted", status=done, why="it runs with an older nova.conf"))
    return rows


def _ours(context: Context, marks: Marks, conf: str) -> list[str]:
    """Return the values in the file that are not there without us."""
    without = {(o.section, o.key, o.value) for o in context.files.conf.options}
    options = Document(context.text, conf).options if marks.moment(context.text) else []
    return [option.value for option in options if (option.section, option.key, option.value) not in without]
