#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: vm_fleet
version_added: 0.1.0
short_description: Deploy thousands of virtual machines, and measure how long each takes
description:
  - Makes groups of virtual machines from templates, in batches, all at once or at a steady rate, and waits until each
    has its disks and runs. A series deploys in several of these ways, one after the other, and so compares them.
  - A machine is called by the fleet, its group and its number, C(fleet-rhel-0001), and lies in a namespace that follows
    from these. Run again, it makes what is missing. A run that was killed is continued by running it again, with the
    times of the machines that it had asked for. Where nobody looked, the API's own times serve, in whole seconds. Of a
    fleet that is complete, the same request returns the figures of its deployment again.
  - What the fleet makes carries the labels C(tuning.virtscale/fleet), C(tuning.virtscale/group) and
    C(app.kubernetes.io/managed-by=virtscale.tuning), the instances and pods of the machines too. O(state=absent)
    removes what carries them and nothing else.
  - One watch for the machines and one for their disks tell how it goes. The API is never polled.
  - What fails is named with the cluster's own reason and counted apart, and the rest goes on. A failed machine does
    not make the task fail; it is in RV(rows) and RV(fleet). The task fails where it cannot begin, and where the API
    is lost.
  - Makes the namespaces, the network attachments that are missing there, if O(network_bridge) is given, and the right
    to clone golden images into them.
  - Warns, before it begins, of clones that will queue behind one parent, of snapshots that Ceph CSI will flatten, and
    of pods and memory for which the nodes have no room.
  - An action plugin, which runs on the controller with the controller's Python.
options:
  name:
    description: The fleet. Its names begin with it. At most 40 characters.
    type: str
    default: fleet
  state:
    description:
      - V(present) makes the machines, and leaves it to their templates whether they run. Machines that are there
        already are left as they are.
      - V(started) and V(stopped) also start or stop every machine of the groups, by its run strategy.
      - V(absent) removes everything that the fleet has made, and waits until it is gone. A namespace in which
        somebody else has put something stays.
    type: str
    choices: [present, started, stopped, absent]
    default: present
  groups:
    description: The groups of machines, in the order in which they are made.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Part of the machines' names, such as V(rhel).
        type: str
        required: true
      vms:
        description: How many machines, at least 0.
        type: raw
        required: true
      kind:
        description: Which of the reference architecture's templates. Either this or O(groups[].template).
        type: str
        choices: [rhel, fedora, windows]
      template:
        description: A whole manifest of a VirtualMachine.
        type: dict
      sources:
        description:
          - The golden images that the machines clone, in turns. One is the rule; several share the clones, and so the
            lock that a parent has.
        type: list
        elements: dict
        default: []
        suboptions:
          kind:
            description: What holds the image.
            type: str
            choices: [pvc, snapshot, datasource]
            required: true
          name:
            description: Its name.
            type: str
            required: true
          namespace:
            description: Its namespace.
            type: str
            required: true
      disk:
        description: The disk of O(groups[].kind) V(rhel) and V(windows), by default as in the reference architecture.
        type: dict
        default: {}
        suboptions:
          size:
            description: Its size, by default V(40Gi).
            type: str
          storage_class:
            description: Its StorageClass, by default V(ocs-external-storagecluster-ceph-rbd).
            type: str
          access_mode:
            description: Its access mode, by default V(ReadWriteMany).
            type: str
          volume_mode:
            description: Its volume mode, by default V(Block).
            type: str
      network:
        description:
          - The NetworkAttachmentDefinition that the machines are connected to, or V(pod) for the pod network. By
            default V(linux-bridge) for V(rhel) and V(windows), and the pod network for V(fedora).
        type: str
      login:
        description: Who may log in, by cloud-init. Not for V(windows).
        type: dict
        suboptions:
          password:
            description: The password of the image's own user.
            type: str
          ssh_public_keys:
            description: Public keys of OpenSSH for the same.
            type: list
            elements: str
            default: []
      image:
        description: The container disk of V(fedora).
        type: str
      dedicated_io_thread:
        description: Whether each disk gets a thread of its own.
        type: bool
        default: false
      overrides:
        description: What differs from the template, as an RFC 7386 merge patch. A list in it replaces the whole list.
        type: dict
        default: {}
  namespaces:
    description:
      - How many namespaces to make and to spread the machines over, or a list of names. Those that are not there are
        made.
      - KubeVirt looks at all pods of a namespace for each migration, so that few namespaces make migrations slow.
    type: raw
    default: 15
  mode:
    description:
      - V(batches) makes O(batch_size) machines, waits until their clones are done, and makes the next ones. The
        reference architecture found that fastest, with 100.
      - V(at_once) asks for all of them together, V(rate) for O(rate_per_s) each second.
    type: str
    choices: [batches, at_once, rate]
    default: batches
  batch_size:
    description: How many machines a batch has, at least 1.
    type: raw
    default: 100
  rate_per_s:
    description: How many machines to ask for each second, above 0 and at most 10,000.
    type: raw
    default: 10
  series:
    description:
      - Several ways, in place of O(mode), to be compared. Each begins with no machine, so that what the one before
        has made is removed first. The machines of the last one stay.
    type: list
    elements: dict
    default: []
    suboptions:
      mode:
        description: As O(mode).
        type: str
        choices: [batches, at_once, rate]
        required: true
      batch_size:
        description: As O(batch_size), and by default that.
        type: raw
      rate_per_s:
        description: As O(rate_per_s), and by default that.
        type: raw
  pods:
    description:
      - How many idle pods to make beside the machines, at least 0, and to spread over the workers. One Deployment in
        each namespace holds them, so that they come back when their node was drained.
    type: raw
    default: 0
  pod_overrides:
    description: What differs in the idle pods, as an RFC 7386 merge patch of a Pod.
    type: dict
    default: {}
  promised_sources:
    description:
      - Golden images that a preview takes for there, because something else would import them before.
      - Without effect outside check mode.
    type: list
    elements: dict
    default: []
    suboptions:
      kind:
        description: What will hold the image.
        type: str
        choices: [pvc, snapshot, datasource]
        required: true
      name:
        description: Its name.
        type: str
        required: true
      namespace:
        description: Its namespace.
        type: str
        required: true
  network_bridge:
    description: The bridge of the nodes for network attachments that do not exist yet. Without it none is made.
    type: str
  network_vlan:
    description: The VLAN of these, 1 to 4094. By default frames are untagged.
    type: raw
  concurrency:
    description: How many requests may be on their way at once, 1 to 500.
    type: raw
    default: 50
  failing_s:
    description: A machine whose clone or start reports an error for so many seconds has failed. Above 0.
    type: raw
    default: 60
  stall_s:
    description: Machines that are not done when nothing moved for so many seconds have failed. Above 0.
    type: raw
    default: 1800
  timeout_s:
    description: Machines that are not done so many seconds after the beginning have failed. Above 0.
    type: raw
    default: 43200
  time_factor:
    description:
      - By what the durations of the cluster are compressed, such as those of the embedded lab. Above 0. It is stated
        beside the figures, and nothing is multiplied by it.
    type: raw
    default: 1
extends_documentation_fragment:
  - virtscale.tuning.attributes
  - virtscale.tuning.kube
requirements:
  - aiohttp >= 3.9
attributes:
  check_mode:
    support: full
    details:
      - Returns what would be made and what is to be known before, in RV(lines) and RV(rows).
  diff_mode:
    support: none
  idempotent:
    support: full
author:
  - The virtscale.tuning maintainers (@virtscale)
"""

EXAMPLES = r"""
- name: Deploy the reference architecture's fleet in batches of 100
  virtscale.tuning.vm_fleet:
    state: started
    groups:
      - name: rhel
        vms: 1500
        kind: rhel
        sources:
          - {kind: pvc, name: rhel-dv, namespace: default}
      - name: windows
        vms: 500
        kind: windows
        sources:
          - {kind: pvc, name: win10-dv, namespace: default}
      - name: fedora
        vms: 1000
        kind: fedora
    pods: 21400
    network_bridge: br1
  register: deployed

- name: Compare batches with all at once
  virtscale.tuning.vm_fleet:
    name: compared
    groups:
      - name: rhel
        vms: 400
        kind: rhel
        sources:
          - {kind: pvc, name: rhel-dv, namespace: default}
    series:
      - {mode: batches, batch_size: 50}
      - {mode: batches, batch_size: 100}
      - {mode: at_once}

- name: Take a fleet away
  virtscale.tuning.vm_fleet:
    name: compared
    state: absent
"""

RETURN = r"""
fleet:
  description:
    - All that was measured. A distribution has C(count), C(sum_s), C(mean_s), C(p50_s), C(p75_s), C(p90_s), C(p95_s),
      C(p99_s) and C(max_s); of no values it has the count alone. Seconds of a machine begin with its own request.
  returned: after a deployment
  type: dict
  contains:
    fleet:
      description: Its name.
      type: str
      returned: always
    time_factor:
      description: By what the durations of the cluster are compressed.
      type: float
      returned: always
    series:
      description:
        - What each way took. C(vms) are there, C(measured) of them were made by it. C(total_s) is from its beginning
          to the last thing that a machine reached.
        - C(batches) has, for each batch, the seconds since the beginning at which it was begun, and its last machine
          created, cloned and running; null is what none of them reached.
        - C(groups) has the distributions C(created), C(cloned) and C(running), C(failed) each failed machine with the
          stage - C(create), C(clone) or C(start) - and the cluster's reason, and C(timings) the name of the CSV file
          in the run's directory that has every machine.
      type: list
      elements: dict
      returned: always
    pods:
      description:
        - The idle pods. C(created_s) and C(running_s) are the seconds from the request to the last; null where it
          never came, and where all were there.
      type: dict
      returned: always
    totals:
      description: How many machines exist, run and failed at the end, and how many idle pods run.
      type: dict
      returned: always
    cost:
      description:
        - How many C(requests) were sent, watches included, the same for each machine that was made, and the most
          memory that the process held.
      type: dict
      returned: always
  sample:
    fleet: fleet
    time_factor: 1.0
    series:
      - label: batches of 100
        mode: batches
        batch_size: 100
        rate_per_s: null
        vms: 1000
        measured: 1000
        total_s: 912.4
        batches:
          - {"number": 1, "vms": 100, "began_s": 0.0, "created_s": 0.6, "cloned_s": 88.1, "running_s": 101.9,
             "failed": 1}
        groups:
          rhel: {"vms": 1000, "created": {"count": 1000, "p50_s": 0.3}, "cloned": {"count": 999, "p50_s": 44.8},
                 "running": {"count": 999, "p50_s": 58.2}, "failed": 1}
        failed:
          - {"vm": "fleet-03/fleet-rhel-0017", "group": "rhel", "stage": "clone",
             "reason": "CSICloneInProgress: no space left"}
        timings: fleet-batches-of-100.csv
    pods: {"pods": 21400, "running": 21400, "created_s": 61.0, "running_s": 74.2, "reason": ""}
    totals: {"vms": 1000, "running": 999, "failed": 1, "pods": 21400}
    cost: {"requests": 1093, "requests_per_vm": 1.093, "peak_memory_bytes": 98566144}
lines:
  description: The same as one screen of text. In check mode, what would be made and what is to be known before.
  returned: always
  type: list
  elements: str
rows:
  description: A row for the machines and one for the pods, one for each machine that failed, and one for each warning.
  returned: always
  type: list
  elements: dict
"""
