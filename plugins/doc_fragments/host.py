# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """What every module that works on one host takes."""

    DOCUMENTATION = r"""
options:
  where:
    description: The name of the host in RV(rows). Defaults to its own host name.
    type: str
"""
