# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Which file sets a sysctl when the host boots: the rules of sysctl.d(5), and procps after it.

Of files with the same name only the one in the first directory counts; all that are left apply in the order of
their names, wherever they lie, and the last assignment wins. A key that is named beats a pattern that matches it,
and ``-key`` without a value takes the key out of all patterns. ``sysctl --system`` of procps reads /etc/sysctl.conf
after everything else; systemd-sysctl does not read it unless it is linked into one of the directories.
"""

from __future__ import annotations

import fnmatch
import os
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._files import below
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.keys import key_path, normal

DIRECTORIES = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d")
SYSCTL_CONF = "/etc/sysctl.conf"
# cephadm writes these files, and removes those of the kind that it does not know.
CEPHADM_SUFFIX = "-cephadm-tuned-profile.conf"
_GLOB = frozenset("*?[")


class Setting(t.NamedTuple):
    """One line of a sysctl file. ``value`` is None where the line only takes the key out of patterns."""

    path: str
    value: str | None
    file: str
    line: int

    @property
    def is_pattern(self) -> bool:
        return not _GLOB.isdisjoint(self.path)


class BootSettings(t.NamedTuple):
    """Everything that is set at boot: in systemd's order, and what procps adds after that."""

    dropins: list[Setting]
    sysctl_conf: list[Setting]

    def winner(self, path: str) -> Setting | None:
        """Return the line that systemd-sysctl ends with for a key."""
        return _winner(self.dropins, path)

    def last_word(self, path: str) -> Setting | None:
        """Return the line that ``sysctl --system`` of procps ends with for a key."""
        return _winner(self.sysctl_conf, path) or self.winner(path)

    def without(self, files: t.Collection[str]) -> BootSettings:
        """Return what would be set if ``files`` did not exist."""
        return BootSettings(
            [setting for setting in self.dropins if setting.file not in files],
            [setting for setting in self.sysctl_conf if setting.file not in files],
        )

    def keys(self) -> set[str]:
        """Return every key and pattern that is set."""
        return {s.path for s in [*self.dropins, *self.sysctl_conf] if s.value is not None}


def parse_settings(text: str, file: str) -> list[Setting]:
    """Return the settings of one file; what is no setting is passed over, as the programs that read it do."""
    settings = []
    for number, line in enumerate(text.split("\n"), 1):
        content = line.strip(" \t\r")
        if not content or content[0] in "#;":
            continue
        key, equals, value = content.partition("=")
        key = key.strip(" \t")
        excluded = key.startswith("-")
        path = key_path(key.lstrip("-").strip(" \t"))
        if not path or (not equals and not excluded):
            continue
        settings.append(Setting(path, normal(value) if equals else None, file, number))
    return settings


def read_boot_settings(root: str = "/", replaced: t.Mapping[str, str | None] | None = None) -> BootSettings:
    """Read every sysctl file below ``root``.

    :param replaced: {file: text} that stands for what is on the disk, None for a file that is gone; so a planned
        change can be judged before it is made.
    """
    replaced = replaced or {}
    chosen: dict[str, str] = {}
    for directory in reversed(DIRECTORIES):
        for name in _names(root, directory, replaced):
            chosen[name] = f"{directory}/{name}"
    dropins: list[Setting] = []
    conf_linked = False
    for name in sorted(chosen, key=os.fsencode):
        file = chosen[name]
        conf_linked = conf_linked or _real(root, file) == _real(root, SYSCTL_CONF)
        dropins += parse_settings(_text(root, file, replaced), file)
    conf = [] if conf_linked else parse_settings(_text(root, SYSCTL_CONF, replaced), SYSCTL_CONF)
    return BootSettings(dropins, conf)


def read_text(path: str) -> str | None:
    """Return a file's text with its bytes intact, or None where there is none to read."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as stream:
            return stream.read()
    except OSError:
        return None


def _winner(settings: list[Setting], path: str) -> Setting | None:
    named = [setting for setting in settings if not setting.is_pattern and setting.path == path]
    assignments = [setting for setting in named if setting.value is not None]
    if assignments:
        return assignments[-1]
    if named:
        return None
    for setting in reversed(settings):
        if setting.is_pattern and setting.value is not None and _fits(path, setting.path):
            return setting
    return None


def _fits(path: str, pattern: str) -> bool:
    # As in a shell, "*" does not reach over a slash.
    parts, wanted = path.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatch.fnmatchcase, parts, wanted))


def _names(root: str, directory: str, replaced: t.Mapping[str, str | None]) -> set[str]:
    try:
        names = set(os.listdir(below(root, directory)))
    except OSError:
        names = set()
    for file, text in replaced.items():
        parent, name = os.path.split(file)
        if parent == directory:
            (names.discard if text is None else names.add)(name)
    return {name for name in names if name.endswith(".conf")}


def _text(root: str, file: str, replaced: t.Mapping[str, str | None]) -> str:
    return (replaced[file] if file in replaced else read_text(below(root, file))) or ""


def _real(root: str, file: str) -> str:
    # A link such as 99-sysctl.conf -> ../sysctl.conf is relative, so it resolves below any root.
    return os.path.realpath(below(root, file))
