#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_metrics_info
version_added: 0.1.0
short_description: Tell whether Ceph's metrics are exported, and how often Prometheus scrapes them
description:
  - Finds the exporter of the manager module prometheus, and the jobs of a Prometheus that scrape its port.
  - A job whose interval differs from the exporter's own gets the same figures several times, or misses some. It is
    reported as a note; Prometheus itself is not changed.
extends_documentation_fragment:
  - virtscale.tuning.ceph
  - virtscale.tuning.attributes
  - virtscale.tuning.attributes.read_only
author: The virtscale.tuning maintainers (@virtscale)
options:
  prometheus_url:
    description: Base URL of a Prometheus, version 2.26 or newer, as the host reaches it. Without it none is asked.
    type: str
  scrape_interval_s:
    description: The interval in seconds that the exporter has, or is going to have.
    type: int
    default: 60
seealso:
  - module: virtscale.tuning.ceph_config
"""

EXAMPLES = r"""
- name: See whether Prometheus scrapes at the exporter's interval
  virtscale.tuning.ceph_metrics_info:
    prometheus_url: http://ceph-admin:9095
    scrape_interval_s: 60
"""

RETURN = r"""
exporter_url:
  description: Where the active manager exports; null when the module prometheus is not enabled or does not serve.
  returned: success
  type: str
  sample: http://192.0.2.10:9283/
rows:
  description: One row for the exporter, and one for each job of Prometheus that scrapes it.
  returned: success
  type: list
  elements: dict
  sample:
    - where: Prometheus http://ceph-admin:9095
      what: scrape interval of job ceph
      before: 15s
      wanted: 60s
      effective: 15s
      status: note
      why: "the exporter collects every 60 s: set scrape_interval of this job to 60s"
via:
  description: The way to the cluster that was used.
  returned: success
  type: str
  sample: rados
"""

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_module
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.client import CEPH_ARGUMENTS, open_client
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.scrapers import exporter_row, scraper_rows

ARGUMENT_SPEC = {
    **CEPH_ARGUMENTS,
    "prometheus_url": {"type": "str"},
    "scrape_interval_s": {"type": "int", "default": 60},
}


def compute(params: dict[str, t.Any], _check_mode: bool) -> dict[str, t.Any]:
    with open_client(params) as client:
        exporter_url = client.read("mgr services").get("prometheus")
        via = client.via
    rows = [exporter_row(exporter_url)]
    url = params["prometheus_url"]
    if exporter_url and url:
        rows += scraper_rows(url, exporter_url, params["scrape_interval_s"], params["timeout_s"])
    return {"changed": False, "exporter_url": exporter_url, "rows": rows, "via": via}


def main() -> None:
    run_module(compute, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
