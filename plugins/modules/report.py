#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: report
version_added: 0.1.0
short_description: Draw the page of a recorded run or of several, and show its summary
description:
  - Reads what M(virtscale.tuning.record) wrote and draws C(report.html) beside it, and C(report.ja.html) in Japanese. A
    page needs nothing else and opens without a network. What failed, was refused, overridden or left pending stands
    first; what was measured stands beside the figures of the reference architecture.
  - The figures of the page are written first, as C(report.json) and as one CSV file C(report-<table>.csv) for each of
    its tables; the pictures are drawn from these.
  - Shows one screen of summary in the terminal.
  - A run that is in trouble is a finding in RV(in_trouble), not a failure of this module.
  - An action plugin, which runs on the controller and opens no connection.
requirements:
  - matplotlib, on the controller; without it the summary is shown and the figures are written, then the module fails.
options:
  run:
    description: The id of a recorded run, V(latest) for the newest one, or V(current) for the one that is running.
    type: str
    default: current
  runs:
    description:
      - Runs that one page puts beside each other, in place of O(run); their own pages are drawn again too.
      - Ids of recorded runs, V(latest), or V(each) for the newest run of each playbook.
      - The page and its figures lie in the directory C(comparison) beside the runs, and replace the comparison before.
    type: list
    elements: str
    default: []
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

- name: Put all that was measured beside the reference architecture, on one page
  virtscale.tuning.report:
    runs: [each]

- name: Compare two boot storms
  virtscale.tuning.report:
    runs: [20260801T140000Z-boot_storm, 20260802T140000Z-boot_storm]
"""

RETURN = r"""
page:
  description: The file.
  returned: success
  type: str
  sample: artifacts/20260801T120000Z-site/report.html
pages:
  description: The same page in each language.
  returned: success
  type: dict
  sample:
    en: artifacts/20260801T120000Z-site/report.html
    ja: artifacts/20260801T120000Z-site/report.ja.html
figures:
  description: The figures that the page shows, as JSON; the same tables lie beside it as CSV.
  returned: success
  type: str
  sample: artifacts/20260801T120000Z-site/report.json
run_id:
  description: The run that it shows.
  returned: success, unless O(runs) is given
  type: str
  sample: 20260801T120000Z-site
run_ids:
  description: The runs that it shows.
  returned: success
  type: list
  elements: str
  sample: [20260801T120000Z-site]
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
