# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The errors that the domain raises; only the adapter turns them into Ansible's."""

from __future__ import annotations

import typing as t


class TuningError(Exception):
    """One clear sentence for a person, and facts for a program.

    ``details`` becomes return values of the failed module, so every key must be a documented one.
    """

    def __init__(self, message: str, **details: t.Any) -> None:
        super().__init__(message)
        self.details = details


class InvalidValue(TuningError):
    """A parameter outside what is allowed: names the parameter, the value and the allowed range."""

    def __init__(self, parameter: str, value: t.Any, allowed: str) -> None:
        super().__init__(f"{parameter} is {value!r}, but must be {allowed}.")
