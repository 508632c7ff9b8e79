# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What the installed nova knows, read from its own source without importing it.

Its option definitions say which filters a scheduler has by default and under which names options are read: better than
a table of releases, because distributions patch both.
"""

from __future__ import annotations

import ast
import glob
import os
import re
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._small_files import read_text

_PLACES = (
    "usr/lib/python3/dist-packages",
    "usr/lib/python3*/site-packages",
    "usr/lib/python2.7/site-packages",
    "usr/lib/python2.7/dist-packages",
    "openstack/venvs/nova-*/lib/python*/site-packages",
    "opt/stack/nova",
)
_VERSION = re.compile(r"nova-(\d+(?:\.\d+)*)[^/]*\.(?:dist|egg)-info")


class Release(t.NamedTuple):
    """An installed nova. ``filters`` is the scheduler's default; ``filters_names`` where its list may stand."""

    version: str
    filters: list[str]
    filters_names: list[tuple[str, str]]
    has_device_spec: bool

    @property
    def device_option(self) -> str:
        """Return the option that lists devices: device_spec since Zed (26), passthrough_whitelist before."""
        return "device_spec" if self.has_device_spec else "passthrough_whitelist"


def read_release(root: str = "/") -> Release | None:
    """Return the nova that is installed below ``root``; None where there is none, as on a host that runs containers."""
    for place in _PLACES:
        for directory in sorted(glob.glob(os.path.join(root, place)), reverse=True):
            options = _options(read_text(directory, "nova/conf/scheduler.py"))
            if "enabled_filters" in options or "scheduler_default_filters" in options:
                return _release(directory, options)
    return None


def _release(directory: str, scheduler: dict[str, dict[str, t.Any]]) -> Release:
    infos = (_VERSION.fullmatch(name) for name in sorted(os.listdir(directory), reverse=True))
    version = next((match.group(1) for match in infos if match), "unknown")
    option = scheduler.get("enabled_filters") or scheduler["scheduler_default_filters"]
    names = [("filter_scheduler", "enabled_filters")]
    if option.get("deprecated_name"):
        names.append((option.get("deprecated_group") or "DEFAULT", option["deprecated_name"]))
    devices = _options(read_text(directory, "nova/conf/pci.py"))
    return Release(version, list(option.get("default") or []), names, "device_spec" in devices)


def _options(source: str) -> dict[str, dict[str, t.Any]]:
    """Return {name: literal keyword arguments} of every ``cfg.…Opt("name", ...)`` of a source."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return {}
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr.endswith("Opt"):
            name = _literal(node.args[0]) if node.args else None
            if isinstance(name, str) and node.func.attr != "DeprecatedOpt":
                found[name] = {keyword.arg: _literal(keyword.value) for keyword in node.keywords if keyword.arg}
    return found


def _literal(node: ast.expr) -> t.Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None
