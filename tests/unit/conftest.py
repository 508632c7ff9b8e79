# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from hypothesis import settings

# Two busy cores make any example slow now and then; what is tested is the answer, not the time.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
