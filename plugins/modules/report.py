#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: report
version_added: 0.1.0
short_description: Draw the page of a recorded run, and show its summary
description:
  - Reads what M(virtscale.tuning.record) wrote and draws C(report.html) beside it, a page that needs nothing else and
    opens without a network. What failed, was refused, overridden or left pending stands first.
  - Shows one screen of summary in the terminal.
  - A run that is in trouble is a finding in RV(in_trouble), not a failure of this module.
  - An action plugin, which runs on the controller and opens no connection.
options:
  run:
    description: The id of a recorded run, V(latest) for the newest one, or V(current) for the one that is running.
    type: str
    default: current
extends_documentation_fragment: [virtscale.tuning.attributes]
attributes:
  check_mode:
    support: full
    details:
      - The page is drawn in check mode too.
  diff_mode:
    support: N/A
    details:
      - The page is not a change to what is tuned.
  idempotent:
    support: full
author:
  - The virtscale.tuning maintainers (@virtscale)
"""

EXAMPLES = r"""
- name: Draw the page of the newest run again
  virtscale.tuning.report:
    run: latest
"""

RETURN = r"""
page:
  description: The file.
  returned: success
  type: str
  sample: artifacts/20260801T120000Z-site/report.html
run_id:
  description: The run that it shows.
  returned: success
  type: str
  sample: 20260801T120000Z-site
counts:
  description: How many values ended with each status.
  returned: success
  type: dict
  sample: {"failed": 0, "refused": 1, "overridden": 0, "pending": 0, "would_change": 0, "changed": 9, "ok": 4}
in_trouble:
  description: Whether anything failed or was refused, unreachable hosts included.
  returned: success
  type: bool
summary:
  description: The lines that were shown.
  returned: success
  type: list
  elements: str
"""
