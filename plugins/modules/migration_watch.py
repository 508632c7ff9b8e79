#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_watch
version_added: 0.1.0
short_description: Roll MachineConfigPools and follow every live migration that this causes
description:
  - Does what M(virtscale.tuning.rollout) does, with the same options, and watches the virtual machines that its drains
    move.
  - Every phase of every migration is taken from the API as it happens, with the API's own time. Other times are those
    at which something was seen - the steps of a node, when a drain first asked a machine to leave, and the phases of a
    migration on KubeVirt before 0.55, which does not stamp them. C(times) says of each machine which it was.
  - What is seen is kept at once in the journal C(migrations.jsonl) of the run's directory, because KubeVirt keeps only
    the five newest finished migrations of a machine. A run that was killed is continued by running it again with the
    same O(migration_id). It reads the journal, takes in what the API still has, and counts nothing twice.
  - After each change, the migrations that hold a place are counted, in the cluster and on each node that they
    leave. Those are the migrations that KubeVirt counts against its limits, from C(Scheduling) to C(Running).
  - It fails when five live migrations of one machine have failed one after the other while it watched, with the last
    reason. KubeVirt itself would try for ever.
  - After the pools are done, it waits for the migrations off their nodes and for machines that start again elsewhere.
  - An action plugin, which runs on the controller with the controller's Python.
options:
  migration_id:
    description:
      - The id of the run that began the migration, whose journal is continued.
      - By default the run's own. A new journal begins where there is none. It then takes in what has ended since the
        time in the id.
    type: str
  time_factor:
    description:
      - By what the durations of the cluster are compressed, such as those of the embedded lab. Above 0.
      - It is stated beside every figure. Nothing is multiplied by it, but the paper's 7 s are divided for
        C(share_within_7_s).
    type: raw
    default: 1
extends_documentation_fragment:
  - virtscale.tuning.attributes
  - virtscale.tuning.kube
  - virtscale.tuning.rollout
attributes:
  check_mode:
    support: full
    details:
      - Reports what it would release and wait for, and which machines it would watch.
      - Nothing is written to a journal.
  diff_mode:
    support: none
  idempotent:
    support: full
author:
  - The virtscale.tuning maintainers (@virtscale)
"""

EXAMPLES = r"""
- name: Roll a zone and record what each virtual machine goes through
  virtscale.tuning.migration_watch:
    pools: [zone-0]
    expect:
      zone-0: [99-zone-0-virtscale-migration]
  register: moved

- name: Go on with a run that was killed
  virtscale.tuning.migration_watch:
    pools: [zone-0]
    migration_id: 20260801T120000Z-migrate
"""

RETURN = r"""
migrations:
  description:
    - All that is known of the migrations. In check mode and with O(release=false) only C(vms_to_move), C(by_os) with
      the number of machines, C(limits), C(unfinished) and C(journal).
    - A distribution has C(count), C(sum_s), C(mean_s), C(p50_s), C(p75_s), C(p90_s), C(p95_s), C(p99_s) and C(max_s);
      of no values it has the count alone.
  returned: always
  type: dict
  contains:
    time_factor:
      description: By what the durations of the cluster are compressed.
      type: float
      returned: after a run
    by_os:
      description:
        - By operating system, the distribution of the seconds in which memory moved, the number of C(vms), the
          C(share_within_7_s), the C(histogram) in bins of C(bin_s), and the distributions C(queued), C(prepare) and
          C(total).
      type: dict
      returned: always
    bin_s:
      description: The seconds of one bin of the histograms. The first begins at 0.
      type: int
      returned: after a run
    held:
      description:
        - Distribution of the seconds from when a drain asked a machine to leave until its migration was created.
        - KubeVirt before 1.7 creates it only when a place is free.
      type: dict
      returned: after a run
    queued:
      description: Distribution of the seconds from a migration's creation until it got a place.
      type: dict
      returned: after a run
    prepare:
      description: Distribution of the seconds from then until memory began to move.
      type: dict
      returned: after a run
    run:
      description: Distribution of the seconds in which memory moved.
      type: dict
      returned: after a run
    total:
      description: Distribution of the seconds from creation to end, which is queued, prepare and run together.
      type: dict
      returned: after a run
    totals:
      description:
        - Counts, and how the time was spent. C(seconds) is from the first thing that happened to the last, C(moving_s)
          the part in which a machine waited for its migration or was in it, C(waiting_s) the rest.
      type: dict
      returned: after a run
    limits:
      description: Each limit of the KubeVirt object with the most that was seen at once, and whether that passed it.
      type: dict
      returned: always
    failures:
      description: The machines of which a migration failed, with the last reason.
      type: list
      elements: dict
      returned: after a run
    retries:
      description: How many attempts followed a failed one.
      type: int
      returned: after a run
    restarted:
      description: Machines that were started anew, and whether their eviction strategy lets a drain do that.
      type: list
      elements: dict
      returned: after a run
    not_running:
      description: Machines that ran before and do not run at the end.
      type: list
      elements: dict
      returned: after a run
    concurrency:
      description:
        - The most migrations that ran, that waited, and that left one node, in each part of C(step_s) seconds.
      type: dict
      returned: after a run
    nodes:
      description:
        - The seconds of each node from when the controller chose it - C(wait_s) for its drain to begin and for being in
          service again, C(drain_s), C(reboot_s), C(total_s) - and how many C(vms) left it.
        - Null is what was not seen. C(late) says that a run that was killed missed a step, so that it is told too late.
      type: list
      elements: dict
      returned: after a run
    vms:
      description: A row for each machine that migrated, its seconds the sums over its successful migrations.
      type: list
      elements: dict
      returned: after a run
    journal:
      description: Where the journal is.
      type: str
      returned: always
  sample:
    bin_s: 1
    by_os:
      rhel: {"count": 400, "vms": 400, "mean_s": 14.1, "p50_s": 13.0, "p99_s": 31.0, "share_within_7_s": 0.35}
    limits:
      parallelMigrationsPerCluster: {"effective": 20, "max_seen": 20, "passed": false}
      parallelOutboundMigrationsPerNode: {"effective": 4, "max_seen": 4, "passed": false, "node": "worker017"}
    vms:
      - {"vm": "vms/rhel-001", "os": "rhel", "source": "worker001", "target": "worker052", "moves": 1, "attempts": 1,
         "outcome": "succeeded", "queued_s": 31.0, "prepare_s": 4.0, "run_s": 14.0, "total_s": 49.0, "times": "api"}
lines:
  description: The same as one screen of text; in check mode and with O(release=false), what would happen, in words.
  returned: always
  type: list
  elements: str
rows:
  description: The rows of M(virtscale.tuning.rollout), and one for each thing about the migrations that one must know.
  returned: always
  type: list
  elements: dict
pools:
  description: As M(virtscale.tuning.rollout) returns it.
  returned: always
  type: list
  elements: dict
workers:
  description: How many workers the cluster has.
  returned: always
  type: int
blocked:
  description: As M(virtscale.tuning.rollout) returns it.
  returned: after a run
  type: list
  elements: dict
max_disrupted_seen:
  description: The most workers that were out of service at once, in all pools and for any reason.
  returned: after a run
  type: int
estimate_s:
  description: The seconds that the pools would take one after the other.
  returned: with O(release=false) and in check mode
  type: int
"""
