# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The languages of the report: English as it is written in the code, and catalogues of what it is elsewhere."""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._report.japanese import JAPANESE


class Language:
    """Says a text of the report; what modules recorded, such as their evidence, stays as it is."""

    def __init__(self, code: str, name: str, catalogue: t.Mapping[str, str] | None) -> None:
        self.code = code
        self.name = name
        self._catalogue = catalogue

    def __call__(self, text: str, **values: t.Any) -> str:
        """Return a text with its values; numbers are grouped by thousands where the text says so."""
        said = text if self._catalogue is None else self._catalogue[text]
        return said.format(**values) if values else said

    def many(self, number: int, one: str, several: str) -> str:
        """Return a text about a number of things."""
        return self(one if number == 1 else several, number=number)

    def seconds(self, seconds: float) -> str:
        """Return a duration: with a decimal below ten seconds, to the second, or to the minute from an hour on."""
        if seconds < 10 and seconds != round(seconds):
            return self("{seconds:.1f} s", seconds=seconds)
        minutes, rest = divmod(round(seconds), 60)
        if not minutes:
            return self("{seconds} s", seconds=rest)
        if minutes < 60:
            return self("{minutes} min {seconds:02} s", minutes=minutes, seconds=rest)
        return self("{hours} h {minutes:02} min", hours=minutes // 60, minutes=minutes % 60)

    def between(self, start: str, end: str) -> str:
        """Return how long it was from one recorded moment to another."""
        return self.seconds(round((_moment(end) - _moment(start)).total_seconds()))


ENGLISH = Language("en", "English", None)
LANGUAGES = (ENGLISH, Language("ja", "日本語", JAPANESE))


def moment_words(moment: str) -> str:
    """Return a recorded moment as a person writes it: ``2026-08-01 12:00 UTC``."""
    return f"{_moment(moment):%Y-%m-%d %H:%M} UTC"


def _moment(text: str) -> datetime.datetime:
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")
