# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Sysctl keys and values: how they are spelt, compared, merged and ordered.

Inside, a key is its path below /proc/sys (``net/ipv4/conf/eth0.200/arp_filter``), because the spelling
with dots is ambiguous for interfaces whose names contain one.
"""

from __future__ import annotations

import fnmatch
import re
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue

_SWAP = str.maketrans("./", "/.")
_COMPONENT = re.compile(r"[^/\s=#;]+\Z")
_INTEGER = re.compile(r"-?[0-9]+\Z")
_INT_MAX = 2**31 - 1
_GC_THRESH = re.compile(r"(net/ipv[46]/neigh/default/gc_thresh)([123])\Z")
_DECIDES_ANSWERS = re.compile(r"net/ipv4/conf/")
_ARP = re.compile(r"net/ipv4/conf/[^/]+/arp_(filter|ignore|announce)\Z")


def key_path(key: str) -> str:
    """Return the path below /proc/sys of a key in either spelling, by the rule of sysctl.d(5).

    If the first separator is a slash, slashes and dots stay; if it is a dot, they change places.
    """
    first = re.search(r"[./]", key)
    path = key.translate(_SWAP) if first and first.group() == "." else key
    return "/".join(part for part in path.split("/") if part)


def checked_path(key: t.Any) -> str:
    """Return the path of a key that a person asks to set.

    :raises InvalidValue: if no kernel could have such a key.
    """
    path = key_path(key) if isinstance(key, str) else ""
    parts = path.split("/")
    if len(parts) < 2 or not {".", ".."}.isdisjoint(parts) or not all(_COMPONENT.match(part) for part in parts):
        raise InvalidValue("a sysctl key", key, "a name such as net.core.rmem_max")
    return path


def key_name(path: str) -> str:
    """Return the spelling with dots, in which a dot inside an interface's name is a slash."""
    return path.translate(_SWAP)


def normal(value: str) -> str:
    """Return a value with single spaces: the kernel prints tabs where people write spaces."""
    return " ".join(value.split())


def value_text(key: str, value: t.Any) -> str:
    """Return the text of a value from a playbook; a list becomes ``4096 131072 6291456``.

    :raises InvalidValue: for a bool, nothing at all, or text that does not fit on one line.
    """
    if isinstance(value, (list, tuple)) and value:
        return " ".join(value_text(key, part) for part in value)
    allowed = "a number, a list of numbers, or one line of text"
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise InvalidValue(key, value, allowed)
    text = normal(str(value))
    if not text or "\n" in str(value).strip() or "\0" in text:
        raise InvalidValue(key, value, allowed)
    return text


def shape_error(running: str, wanted: str) -> str | None:
    """Say why the kernel cannot take ``wanted`` where it has ``running`` now, as far as that can be known."""
    count = len(running.split())
    if not count or not _integers(running):
        return None
    if not _integers(wanted) or len(wanted.split()) != count:
        return f"the kernel holds {count} whole number{'s' if count > 1 else ''} there ({running})"
    if any(int(part) > _INT_MAX for part in wanted.split()) and not any(int(p) > _INT_MAX for p in running.split()):
        return f"the kernel holds at most {_INT_MAX} there"
    return None


def keep_larger(running: str, wanted: str) -> str:
    """Return the larger of two values, number by number; ``wanted`` where they are not alike."""
    left, right = running.split(), wanted.split()
    if len(left) != len(right) or not _integers(running) or not _integers(wanted):
        return wanted
    return " ".join(str(max(int(one), int(other))) for one, other in zip(left, right))


def matches_any(path: str, patterns: t.Iterable[str]) -> bool:
    """Whether a key is one of ``patterns``, which may have ``*`` and either spelling."""
    return any(fnmatch.fnmatchcase(path, key_path(pattern)) for pattern in patterns)


def is_arp(path: str) -> bool:
    """Whether a key can keep a host from answering ARP requests."""
    return bool(_ARP.match(path))


def decides_answers(path: str) -> bool:
    """Whether a key can cut a host off its peers."""
    return bool(_DECIDES_ANSWERS.match(path))


def write_order(changes: t.Mapping[str, tuple[str, str]]) -> list[str]:
    """Return the keys of {path: (running, target)} in the order in which they are safe to write.

    The neighbour table's limits must stay gc_thresh1 <= gc_thresh2 <= gc_thresh3 all the way, so what rises
    goes from 3 to 1 and what falls goes from 1 to 3.
    """

    def rank(path: str) -> tuple[int, int]:
        match = _GC_THRESH.match(path)
        running, target = changes[path]
        if not match or not _integers(running) or not _integers(target):
            return 1, 0
        number = int(match.group(2))
        return (0, -number) if int(target) > int(running) else (2, number)

    return sorted(changes, key=rank)


def _integers(value: str) -> bool:
    parts = value.split()
    return bool(parts) and all(_INTEGER.match(part) for part in parts)
