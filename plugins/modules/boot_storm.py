#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: boot_storm
version_added: 0.1.0
short_description: Start virtual machines all at once, and measure when each answers over SSH
description:
  - Starts stopped virtual machines, each with one request, and follows them by one watch. The clock of a machine begins
    with its own request. From when its instance is C(Running) it is tried every O(interval_s) until it lets somebody in
    over SSH, as in the reference architecture, or until the server's first line comes.
  - A machine that does not answer within O(limit_s) is a failure with its reason and no number. The reason is that of
    the cluster where it does not run - such as what the scheduler says - and that of the last attempt where it runs.
    That it was refused, did not answer in time, spoke no SSH or refused the login are told apart.
  - Attempts look at the server's first line before they log in, over the same connection. A login costs both sides
    10 to 20 ms of processor time, the line nearly nothing.
  - Machines with the run strategy C(Halted) are started by setting it to C(Always), as C(virtctl start) does, and
    stopped by setting it to C(Halted). Those with C(Manual) and C(RerunOnFailure) keep theirs and are started by
    virt-api, of which each replica asks the API server for no more than 5 objects a second unless told otherwise.
  - What happens is kept at once in the journal C(storm.jsonl) of the run's directory. A storm that was killed is
    continued by running it again within an hour with the same machines, numbers, way and kind of answer. Machines that
    were asked to start keep the moment at which they were. A restart of the API server is waited for. A run that was
    killed between the storm's end and its report tells the figures when it is run again.
  - A machine that nobody had tried for more than 10 s before it answered, because the storm was killed, the API server
    was away or the controller is too busy, is counted and not timed.
  - An action plugin, which runs on the controller with the controller's Python.
options:
  fleet:
    description:
      - The fleet whose machines are started, as M(virtscale.tuning.vm_fleet) made it.
      - At least one of O(fleet), O(label_selector) and O(namespaces) is needed. All that are given must hold.
    type: str
  label_selector:
    description: A label selector of VirtualMachines.
    type: str
  namespaces:
    description: The namespaces to look in. By default all.
    type: list
    elements: str
    default: []
  vms:
    description:
      - How many machines each step of a series starts. Between the steps all are stopped and waited for.
      - The machines of a step are spread evenly over groups and namespaces.
      - By default one step starts all that are stopped.
    type: list
    elements: raw
    default: []
  via:
    description:
      - V(ip) connects to the address in C(status.interfaces) of the instance, from a controller that reaches it.
      - V(portforward) goes through KubeVirt's port-forward where only the API can be reached. Each attempt is a request
        of virt-api to the API server, of which KubeVirt allows each replica 5 a second unless C(apiConfiguration) says
        otherwise. So each replica can have 10 booting machines tried every 2 s, or 50 every 10 s.
    type: str
    choices: [ip, portforward]
    default: ip
  probe:
    description:
      - What counts as an answer. V(login) is a login and a command that ends, V(banner) the server's first line, which
        needs no user.
    type: str
    choices: [login, banner]
    default: login
  port:
    description: The TCP port of the machines' SSH server.
    type: raw
    default: 22
  user:
    description: Who logs in.
    type: str
    default: root
  key_file:
    description:
      - The file of the private key, without a passphrase. Needed for O(probe=login), unless there is a O(password).
    type: path
  password:
    description: The password, which is tried after the key.
    type: str
  known_hosts:
    description:
      - A file of known host keys. By default any host key is taken, because a cloned machine has just made its own.
    type: path
  logins:
    description:
      - What differs for the machines of a group, by the name of the group - O(user), O(key_file), O(password),
        O(known_hosts).
    type: dict
    default: {}
  interval_s:
    description: The seconds from one attempt to the next, above 0. After a refused login it is at least 5.
    type: raw
    default: 2
  limit_s:
    description: The seconds from its request after which a machine that has not answered counts as failed, above 0.
    type: raw
    default: 1800
  max_connecting:
    description:
      - How many connections may be opened at once. By default 200 with O(via=ip) and 20 with O(via=portforward).
    type: raw
  stop_first:
    description: Stop the machines that are on before the first step. Otherwise only stopped ones take part.
    type: bool
    default: false
  afterwards:
    description: How the machines of the last step are left.
    type: str
    choices: [running, stopped]
    default: running
  time_factor:
    description:
      - By what the durations of the cluster are compressed, such as those of the embedded lab. Above 0.
      - It is stated beside every figure. Nothing is multiplied by it.
    type: raw
    default: 1
requirements:
  - aiohttp >= 3.9
  - asyncssh >= 2.17
extends_documentation_fragment:
  - virtscale.tuning.attributes
  - virtscale.tuning.kube
attributes:
  check_mode:
    support: full
    details:
      - Reports which machines it would start, and fails where there are too few.
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - Each storm is another one. A storm that was killed is continued.
author:
  - The virtscale.tuning maintainers (@virtscale)
"""

EXAMPLES = r"""
- name: Measure what the reference architecture measured
  virtscale.tuning.boot_storm:
    fleet: density
    vms: [100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]
    user: cloud-user
    key_file: ~/.ssh/id_ed25519
    logins:
      windows:
        user: Administrator
        password: "{{ windows_password }}"

- name: Start all that are stopped in two namespaces, through the API alone, without logging in
  virtscale.tuning.boot_storm:
    namespaces: [desktops-a, desktops-b]
    via: portforward
    probe: banner
"""

RETURN = r"""
storm:
  description:
    - All that was measured, in seconds from a machine's request.
    - A distribution has C(count), C(sum_s), C(mean_s), C(p50_s), C(p75_s), C(p90_s), C(p95_s), C(p99_s) and C(max_s);
      of no values it has the count alone.
  returned: after a run
  type: dict
  contains:
    fleet:
      description: The fleet, or whose machines they were, in words.
      type: str
      returned: always
    time_factor:
      description: By what the durations of the cluster are compressed.
      type: float
      returned: always
    via:
      description: As given.
      type: str
      returned: always
    probe:
      description: As given.
      type: str
      returned: always
    series:
      description:
        - Of each step the number of C(vms) and of those that C(answered), how many of these C(late), which are not in
          the distribution, who C(failed) at which C(stage) (C(start), C(running) or C(answer)), with which C(reason)
          and C(address), C(total_s) from the first request to the last answer, the distributions C(running) and
          C(answering), the C(curve) of pairs of seconds and machines that had answered by then, and the file of the
          C(timings).
      type: list
      elements: dict
      returned: always
    cost:
      description: The C(requests) to the API, C(requests_per_vm) and C(peak_memory_bytes) of this process.
      type: dict
      returned: always
  sample:
    fleet: density
    time_factor: 1.0
    via: ip
    probe: login
    series:
      - {"vms": 100, "answered": 99, "late": 0, "total_s": 98.2, "timings": "storm-100.csv",
         "failed": [{"vm": "density-03/density-rhel-0017", "group": "rhel", "stage": "answer",
                     "address": "10.128.2.17",
                     "reason": "ran, but did not answer within 1800 s: port 22 refused the connection"}]}
    cost: {"requests": 214, "requests_per_vm": 2.14, "peak_memory_bytes": 98566144}
machines:
  description: The namespaces and names of the machines that would be started.
  returned: in check mode
  type: list
  elements: str
lines:
  description: The same as one screen of text, beside the paper's figures; in check mode, what would happen.
  returned: always
  type: list
  elements: str
rows:
  description: A row for each step, and one for each machine that failed.
  returned: always
  type: list
  elements: dict
"""
