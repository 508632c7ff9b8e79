# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""From a playbook's variables to the record: which run this is, and what each host's result says."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._record import (
    Json,
    Run,
    fallback_run_id,
    host_entry,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import row

DEFAULT_ARTIFACTS = "artifacts"

# Ansible's own part of a module's result; what a person asked for stands in the rest.
_NOT_DATA = frozenset(
    (
        *("rows", "diff", "invocation", "failed", "skipped", "warnings", "deprecations", "ansible_facts"),
        *("msg", "exception", "rc", "module_stdout", "module_stderr"),
    )
)


# An action plugin gets the variables as they were written; this makes their values of them.
Template = t.Callable[[t.Any], t.Any]


def artifacts_directory(variables: t.Mapping[str, t.Any], template: Template) -> Path:
    """Return ``virtscale_artifacts_dir``, or ``artifacts`` under the directory that the playbook runs in."""
    directory = _collection_wide(variables, "virtscale_artifacts_dir", template) or DEFAULT_ARTIFACTS
    return Path(str(directory)).expanduser()


def current_run(variables: t.Mapping[str, t.Any], template: Template) -> Run:
    """Return the run that the playbook began, or this process's own one where a role is used alone."""
    run_id = _collection_wide(variables, "virtscale_run_id", template) or fallback_run_id()
    return Run(artifacts_directory(variables, template), str(run_id))


def entry_of_result(result: t.Mapping[str, t.Any]) -> Json:
    """Return what a host's registered module result says; its ``rows`` are the rows."""
    data = {key: value for key, value in result.items() if key not in _NOT_DATA and not key.startswith("_")}
    rows = result.get("rows") or []
    if result.get("unreachable"):
        return host_entry(state="unreachable", message=_message(result))
    if result.get("failed"):
        return host_entry(state="failed", message=_message(result), data=data, rows=rows)
    return host_entry(data=data, rows=rows)


def entry_of_data(data: t.Any, rows: t.Sequence[t.Mapping[str, t.Any]]) -> Json:
    """Return what a role says itself; its data may be a module's result, and that may be a failed one."""
    if not isinstance(data, dict):
        return host_entry(data=data, rows=rows)
    return {**entry_of_result(data), "rows": [dict(line) for line in rows]}


def entry_of_failure(host: str, task: str, result: t.Mapping[str, t.Any]) -> Json:
    """Return what the failed ``task`` says: its own rows if one of them tells of the trouble, else one for it."""
    entry = entry_of_result(result)
    if entry["state"] == "unreachable":
        return entry
    told = any(line.get("status") in ("failed", "refused") for line in entry["rows"])
    if not told:
        entry["rows"].append(row(host, task, status="failed", why=_message(result)))
    return host_entry(rows=entry["rows"])


def hosts_without_result(variables: t.Mapping[str, t.Any], step: str, reported: set[str]) -> dict[str, Json]:
    """Return an entry for every host that left the play before it could report."""
    left = set(variables["ansible_play_hosts_all"]) - set(variables["ansible_play_hosts"]) - reported
    message = f"left the play before the step {step}; see the output of the playbook"
    return {name: host_entry(state="failed", message=message) for name in sorted(left)}


def _collection_wide(variables: t.Mapping[str, t.Any], name: str, template: Template) -> t.Any:
    # A playbook sets these once, on localhost, because a set_fact on every host would cost a task each.
    value = template(variables.get(name))
    if value:
        return value
    hostvars = variables.get("hostvars") or {}
    return hostvars["localhost"].get(name) if "localhost" in hostvars else None


def _message(result: t.Mapping[str, t.Any]) -> str:
    text = str(result.get("msg") or "no message")
    # Ansible puts this before what happened, and a reader of a record knows that much.
    return " ".join(text.split()).removeprefix("Task failed: ")
