# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Kernel command lines, word by word.

A word is ``key=value`` or ``key``; the value may be a list by commas, of which the kernel takes each. Quoted values
with blanks in them are one word, as in the kernel's own next_arg().
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue

_WORD = re.compile(r'(?:[^\s"]|"[^"]*")+')
_ARGUMENT = re.compile(r"[A-Za-z0-9_.-]+(?:=[A-Za-z0-9_.,:/-]+)?")


def words(line: str) -> list[str]:
    """Return the words of a command line."""
    return _WORD.findall(line)


def missing(line: str, wanted: t.Sequence[str]) -> list[str]:
    """Return which wanted words a line does not have yet; ``intel_iommu=on,sm_on`` has ``intel_iommu=on``."""
    present = words(line)
    return [argument for argument in wanted if not any(_holds(word, argument) for word in present)]


def contradictions(line: str, wanted: t.Sequence[str], refused: t.Sequence[str]) -> list[str]:
    """Return the words that say otherwise: one of ``refused``, or the key of a wanted word with another value."""
    lacking = {_key(argument) for argument in missing(line, wanted)}
    return [
        word for word in words(line) if _key(word) in lacking or any(_holds(word, argument) for argument in refused)
    ]


def check_arguments(parameter: str, arguments: t.Sequence[t.Any]) -> list[str]:
    """Return kernel arguments that are safe to put into a shell's quotation marks.

    :raises InvalidValue: for anything else.
    """
    for argument in arguments:
        if not isinstance(argument, str) or not _ARGUMENT.fullmatch(argument):
            allowed = "kernel arguments such as 'iommu=pt', of letters, digits and _ . , : / -"
            raise InvalidValue(parameter, argument, allowed)
    return list(arguments)


def _holds(word: str, argument: str) -> bool:
    key, _equals, value = argument.partition("=")
    return _key(word) == key and set(value.split(",")) <= set(word.partition("=")[2].split(","))


def _key(word: str) -> str:
    return word.partition("=")[0]
