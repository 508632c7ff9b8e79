# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Small files of sysfs and procfs."""

from __future__ import annotations

import os


def read_text(*path: str) -> str:
    """Return what a file holds without the blanks around it, empty where it cannot be read."""
    try:
        with open(os.path.join(*path), encoding="utf-8", errors="replace") as stream:
            return stream.read().strip()
    except OSError:
        return ""


def names(directory: str) -> list[str]:
    """Return the names in a directory, none where there is no such directory."""
    try:
        return os.listdir(directory)
    except OSError:
        return []
