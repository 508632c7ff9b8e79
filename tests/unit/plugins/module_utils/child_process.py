# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python programs of the tests, which import what the tests import."""

from __future__ import annotations

import os
import sys


def environment() -> dict[str, str]:
    """Return the environment in which they run."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
