# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report in Japanese: nothing is left out, and nothing is left over."""

from __future__ import annotations

import ast
import string
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils import _report
from ansible_collections.virtscale.tuning.plugins.module_utils._report.japanese import JAPANESE
from ansible_collections.virtscale.tuning.plugins.module_utils._report.languages import ENGLISH, LANGUAGES

SOURCES = [path for path in Path(next(iter(_report.__path__))).glob("*.py") if path.name != "japanese.py"]
SAY = LANGUAGES[1]


def texts(*, said: bool) -> set[str]:
    """Return the texts of the code: all, or those that are told to be said in a language."""
    found = set()
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                arguments = node.args if name in ("say", "many", "self") else []
                found |= {
                    leaf.value for leaf in arguments if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
                }
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not said:
                found.add(node.value)
    return found


def test_every_text_is_in_japanese_and_none_is_left_over() -> None:
    assert texts(said=True) - set(JAPANESE) == set()
    assert set(JAPANESE) - texts(said=False) == set()


@pytest.mark.parametrize("text", JAPANESE)
def test_a_text_has_the_same_values_in_both(text: str) -> None:
    fields = [
        {(name, form) for _text, name, form, _conversion in string.Formatter().parse(said) if name}
        for said in (text, JAPANESE[text])
    ]
    assert {name for name, _form in fields[0]} == {name for name, _form in fields[1]}
    assert {form for _name, form in fields[0]} == {form for _name, form in fields[1]}


@pytest.mark.parametrize(
    ("seconds", "english", "japanese"),
    [
        (0.25, "0.2 s", "0.2 秒"),
        (12, "12 s", "12 秒"),
        (59.6, "1 min 00 s", "1 分 00 秒"),
        (1065, "17 min 45 s", "17 分 45 秒"),
        (8160, "2 h 16 min", "2 時間 16 分"),
    ],
)
def test_durations_are_told_in_both(seconds: float, english: str, japanese: str) -> None:
    assert ENGLISH.seconds(seconds) == english
    assert SAY.seconds(seconds) == japanese
