# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from collections import Counter

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._report.languages import LANGUAGES
from ansible_collections.virtscale.tuning.plugins.module_utils._report.words import verdict


@pytest.mark.parametrize(
    ("counts", "measured", "told"),
    [
        ({}, False, "Nothing was recorded."),
        ({}, True, "Measured, there was nothing to set."),
        ({"ok": 3}, True, "Everything was right already."),
        ({"ok": 3, "note": 1}, False, "Everything was right already, 1 note to read."),
        ({"note": 2}, False, "2 notes to read."),
        ({"ok": 3, "would_change": 1}, False, "1 value would change, the rest was right already."),
        ({"would_change": 1}, False, "1 value would change."),
        ({"ok": 3, "changed": 1200}, False, "1,200 values set and read back."),
        (
            {"ok": 3, "failed": 1, "refused": 1, "would_change": 1},
            False,
            "2 values failed or refused, 1 value would change.",
        ),
        ({"overridden": 1, "pending": 1}, False, "1 value overridden, 1 value waiting for permission to disrupt."),
    ],
)
def test_a_run_in_a_sentence(counts: t.Mapping[str, int], measured: bool, told: str) -> None:
    assert verdict(Counter(counts), measured=measured) == told


def test_a_run_in_a_japanese_sentence() -> None:
    assert verdict(Counter(ok=3, note=2), LANGUAGES[1]) == "すべての値がすでに適正、注記 2 件。"
