#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: io_latency
version_added: 0.1.0
short_description: Measure the latency of storage in many machines at once, idle, under load and during migrations
description:
  - Runs fio over SSH in the virtual machines of a fleet, or in a list of hosts, as the reference architecture measured
    its 960 virtual machines - random reads and random writes of 4 KiB, each machine at a fixed rate, over more and more
    nodes. Everything else on the cluster goes on beside it.
  - Each machine gets a dataset of files once, which later runs use again. Free space is looked at in every machine
    before anything is written. Only the files of the dataset are read and written.
  - Machines begin together, by their own clocks, which are compared with the controller's before. Within the first
    second, or the first request's time at higher rates, they are spread evenly, so that requests at a fixed rate do not
    arrive all at the same moment. C(start_spread_s) says how well that was kept.
  - A latency is fio's total one (C(lat)), from request to end. Percentiles of several machines are those of all their
    requests, from fio's histograms added up bin by bin, right to 0.8 %. Means are exact.
  - A machine that fails is named, and the figures are those of the others. A machine that makes less than 98 % of the
    requests that it was asked for is named too, because its latency is not that at this rate.
  - A measurement that was killed less than an hour ago is continued by the next one that asks for the same.
  - Machines need fio, a POSIX shell, GNU coreutils and findutils. Nothing is installed in them. For a template of
    virtual machines, add C(packages) with C(fio) to its cloud-init user data.
  - An action plugin, which runs on the controller with the controller's Python.
options:
  fleet:
    description:
      - The fleet whose virtual machines are measured in, by its label C(tuning.virtscale/fleet).
      - Exactly one of this and O(targets) is required.
    type: str
  groups:
    description: Only virtual machines of these groups, by their label C(tuning.virtscale/group). If empty, of all.
    type: list
    elements: str
    default: []
  targets:
    description: Hosts that are measured in, virtual or not, in place of a fleet.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the host is called in results.
        type: str
        required: true
      address:
        description: Its address or host name. By default its name.
        type: str
      node:
        description: What it runs on. Hosts of one node are counted together. By default each is a node of its own.
        type: str
      port:
        description: The port of its SSH server, in place of O(port).
        type: raw
      group:
        description: What O(pools) calls its group.
        type: str
  pools:
    description:
      - Pools of Ceph that are compared, such as one with two and one with three replicas. The virtual machines of each
        are measured by themselves, one pool after the other, each pool against the first.
      - If empty, all machines are one pool.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the pool is called in results.
        type: str
        required: true
      replicas:
        description: How many copies it keeps, 1 to 10, for the results.
        type: raw
      group:
        description: The group of the machines that are in it.
        type: str
      storage_class:
        description: The storage class of a volume of the machines that are in it. In place of O(pools[].group).
        type: str
  measure:
    description:
      - V(series) measures over each number of O(nodes).
      - V(migration) measures before, during and after live migrations, over the largest number of nodes. Every
        measured machine is asked to migrate at the same time, once for each direction and rate. KubeVirt runs as many
        at a time as its limits allow, and the cell lasts until all have ended.
    type: list
    elements: str
    choices: [series, migration]
    default: [series]
  allow_disruption:
    description: Whether virtual machines may be migrated. Without it, that part is reported as pending.
    type: bool
    default: false
  nodes:
    description:
      - Numbers of nodes, ascending. Nodes that run at least O(vms_per_node) of the machines are taken by their names.
      - If empty, powers of two up to 64, and as many as there are.
    type: list
    elements: raw
    default: []
  vms_per_node:
    description: How many machines of a node are measured in, at least 1.
    type: raw
    default: 15
  baseline_iops:
    description: Requests a second of each machine for the baseline, 1 to 1,000,000.
    type: raw
    default: 1
  load_iops:
    description: Requests a second of each machine for the load, above O(baseline_iops).
    type: raw
    default: 1000
  directions:
    description: Random reads, random writes or both, each measured by itself.
    type: list
    elements: str
    choices: [read, write]
    default: [read, write]
  runtime_s:
    description: Seconds that are measured, 1 to 86,400.
    type: raw
    default: 60
  ramp_s:
    description: Seconds before that which do not count, 0 to 86,400.
    type: raw
    default: 10
  block_kib:
    description: The size of a request in KiB, 1 to 1,024.
    type: raw
    default: 4
  iodepth:
    description:
      - How many requests of a machine may be under way at once, 1 to 1,024. fio has that many only where it falls
        behind its rate.
    type: raw
    default: 16
  dataset:
    description:
      - The files of each machine.
      - The reference architecture says 300 directories, 8 files of 20 MiB in each, and 4.8 GiB. That is 46.9 GiB, more
        than its disks of 40 GiB. 30 directories are what it says in all.
    type: dict
    default: {}
    suboptions:
      directories:
        description: The number of directories.
        type: raw
        default: 30
      files:
        description: The number of files in each.
        type: raw
        default: 8
      file_mib:
        description: The size of a file in MiB.
        type: raw
        default: 20
  directory:
    description: Where a machine keeps the dataset, and the jobs and reports of fio.
    type: path
    default: /var/lib/virtscale-latency
  dataset_limit_s:
    description: How many seconds a machine may take to write its files.
    type: raw
    default: 3600
  migration_limit_s:
    description: After so many seconds a wave of migrations is over, and those that have not begun are taken back.
    type: raw
    default: 14400
  via:
    description:
      - V(ip) connects to the address of the virtual machine, which the controller must reach.
      - V(portforward) goes through the API.
    type: str
    choices: [ip, portforward]
    default: ip
  port:
    description: The port of the SSH servers, 1 to 65,535.
    type: raw
    default: 22
  user:
    description: Who logs in. Must be able to write to O(directory).
    type: str
    default: root
  key_file:
    description: The file of a private key without a passphrase. This or O(password) is required.
    type: path
  password:
    description: The password.
    type: str
  known_hosts:
    description: A file of known host keys. By default any key is taken, since a new virtual machine makes its own.
    type: path
  time_factor:
    description:
      - By what the durations of the cluster are compressed, such as those of the embedded lab. Above 0.
      - It is stated beside every figure, and nothing is multiplied by it.
    type: raw
    default: 1
extends_documentation_fragment:
  - virtscale.tuning.attributes
  - virtscale.tuning.kube
attributes:
  check_mode:
    support: full
    details:
      - Logs in to the machines and looks, and reports what would be measured, how long that takes and how much space.
      - Nothing is written or started.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - Files that are there are not written again. A second run measures again.
requirements:
  - kubernetes >= 28.1
  - aiohttp
  - asyncssh
author:
  - The virtscale.tuning maintainers (@virtscale)
"""

EXAMPLES = r"""
- name: Measure as the reference architecture did
  virtscale.tuning.io_latency:
    fleet: reference
    groups: [rhel]
    key_file: ~/.ssh/fleet
  register: latency

- name: Compare a pool with two replicas to one with three
  virtscale.tuning.io_latency:
    fleet: reference
    key_file: ~/.ssh/fleet
    nodes: [4]
    pools:
      - {name: vms, replicas: 3, storage_class: ocs-external-storagecluster-ceph-rbd}
      - {name: vms-2, replicas: 2, storage_class: ceph-rbd-two-replicas}

- name: Measure while all of them migrate
  virtscale.tuning.io_latency:
    fleet: reference
    groups: [rhel]
    key_file: ~/.ssh/fleet
    measure: [migration]
    nodes: [64]
    allow_disruption: true

- name: Measure in hosts of the inventory
  virtscale.tuning.io_latency:
    targets:
      - {name: db1, address: 192.0.2.11}
      - {name: db2, address: 192.0.2.12}
    vms_per_node: 1
    key_file: ~/.ssh/id_ed25519
"""

RETURN = r"""
latency:
  description: All that was measured. Latencies are in microseconds.
  returned: after a run
  type: dict
  contains:
    time_factor:
      description: By what the durations of the cluster are compressed.
      type: float
      returned: always
    block_kib:
      description: The size of a request.
      type: int
      returned: always
    runtime_s:
      description: The seconds of a cell.
      type: float
      returned: always
    cells:
      description:
        - One entry for each measurement of a number of machines at the same time. C(phase) is C(alone), or C(before),
          C(during) or C(after) migrations.
        - C(slow) are machines that did not keep the rate, C(failed) those that measured nothing, with the reason.
      type: list
      elements: dict
      returned: always
    differences:
      description: By how many percent the latency at the load is above the baseline of the same machines.
      type: list
      elements: dict
      returned: always
    idle_spread_percent:
      description:
        - By direction, how far the highest mean of a baseline is above the lowest over numbers of nodes. Null where
          there is only one number of nodes.
      type: dict
      returned: always
    pools:
      description: By how many percent the latency in each further pool is above that in the first.
      type: list
      elements: dict
      returned: always
    migration:
      description:
        - What migrations do to latency (C(changes), against the cell before), and load to migrations. The seconds are
          those in which memory moved, beside the baseline's rate and beside the load's. C(waves) has the distributions.
        - Null where none was measured.
      type: dict
      returned: always
    dataset:
      description: The shape and the size of the files of a machine.
      type: dict
      returned: always
    files:
      description: Files of the run's directory with the cells, with every machine of every cell, and with all as JSON.
      type: list
      elements: str
      returned: always
  sample:
    cells:
      - {"phase": "alone", "profile": "load", "direction": "read", "nodes": 4, "vms": 60, "vms_measured": 60,
         "vms_per_node": 15, "asked_iops_per_vm": 1000, "iops_per_vm": 999.9, "replicas": 3, "pool": "vms",
         "mean_us": 811.2, "p50_us": 774.1, "p95_us": 1204.2, "p99_us": 1892.4, "p999_us": 4112.4, "min_us": 301.6,
         "max_us": 21889.0, "requests": 3599912, "start_spread_s": 0.08, "slow": [], "failed": []}
    differences:
      - {"direction": "read", "nodes": 4, "replicas": 3, "pool": "vms", "mean_percent": -12.3, "p50_percent": -14.1,
         "p99_percent": 4.2}
lines:
  description: The same as one screen of text, beside the reference architecture's figures. In check mode, what would be
    measured.
  returned: always
  type: list
  elements: str
rows:
  description: The figures that the reference architecture has, and every machine that did not do its part.
  returned: always
  type: list
  elements: dict
"""
