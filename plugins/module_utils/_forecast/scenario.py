# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What a forecast starts from: nodes and what runs on them, limits, durations, and the controllers' own numbers.

Where the controllers' numbers come from, read in the sources of machine-config-operator (MCO, of April 2025), of
Kubernetes' client-go and kubectl 0.32, and of KubeVirt 1.6:

==============================  =====================================================================================
``REQUESTS_PER_S``, ``BURST``   client-go, rest/config.go: what a client gets that sets nothing, for each API group by
                                itself. MCO's controller sets nothing, so its drains have 5 evictions a second (group
                                policy) beside 5 other requests a second (core: cordon, list, "is the pod gone?")
``DRAIN_WORKERS``               MCO, cmd/machine-config-controller/start.go: ``draincontroller.Run(5, ...)``
``NODE_WORKERS``                the same file: two workers a controller, a pool is never handled twice at a time
``CONTROLLER_DELAY_S``          MCO, pkg/controller/{node,drain}: ``UpdateDelay``, 5 s after a change
``DRAIN_ATTEMPT_S``             MCO, pkg/controller/drain: ``DrainHelperTimeout``
``DRAIN_RETRY_S``, ``..SLOW..`` the same: ``DrainRequeueDelay``; ``DrainRequeueFailingDelay`` once it has failed for
                                ``DrainRequeueFailingThreshold``
``DRAIN_ALARM_S``               the same: ``DrainTimeoutDuration``, after which it tells, and goes on
``EVICTION_RETRY_S``            kubectl, pkg/drain: sleeps 5 s after a 429
``GONE_POLL_S``                 the same: asks once a second whether an evicted pod is gone
``DAEMON_POLL_S``               MCO, pkg/daemon: looks every 10 s whether its drain or uncordon is done
``DAEMON_REACTS_S``             MCO, pkg/daemon: its queue waits 1 s before it looks at a changed node
``DAEMON_ATTEMPTS_FAST``        MCO of 4.9, pkg/daemon/drain.go: 1 min after each of five failed attempts, then 5 min
``SLOT_RETRY_S``                KubeVirt, watch/migration and watch/drain/evacuation: looks again for a free slot
``CREATION_RETRY_S``            KubeVirt, watch/migration: while another target pod is being created
``VIRT_API_REQUESTS_PER_S`` ..  KubeVirt, pkg/virt-config: ``DefaultVirtAPIQPS`` and ``..Burst`` of one replica of
                                virt-api, for all that it asks; pkg/virt-operator: a replica for each 10 nodes, at
                                least 2
``VIRT_API_TIMEOUT_S``          KubeVirt, its webhooks: after that the API server answers an eviction with an internal
                                error, which kubectl's drain does not try again: the attempt fails when it ends
``MARKING_REQUESTS`` ..         KubeVirt, admitters/pod-eviction-admitter.go: reads the pod, reads the VM, marks it;
                                later evictions only read, that of a completed pod reads the pod alone
``CREATION_REQUESTS``           KubeVirt, admitters/migration-create-admitter.go: reads the VM, lists its migrations
==============================  =====================================================================================
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.virtscale.tuning.plugins.module_utils._migration.limits import MigrationLimits

REQUESTS_PER_S = 5.0
BURST = 10
DRAIN_WORKERS = 5
NODE_WORKERS = 2
CONTROLLER_DELAY_S = 5.0
DRAIN_ATTEMPT_S = 90.0
DRAIN_RETRY_S = 60.0
DRAIN_SLOW_AFTER_S = 600.0
DRAIN_SLOW_RETRY_S = 300.0
DRAIN_ALARM_S = 3600.0
EVICTION_RETRY_S = 5.0
GONE_POLL_S = 1.0
DAEMON_POLL_S = 10.0
DAEMON_REACTS_S = 1.0
DAEMON_ATTEMPTS_FAST = 5
SLOT_RETRY_S = 5.0
CREATION_RETRY_S = 1.0
VIRT_API_REQUESTS_PER_S = 5.0
VIRT_API_BURST = 10
VIRT_API_LEAST = 2
VIRT_API_NODES = 10
VIRT_API_TIMEOUT_S = 10.0
MARKING_REQUESTS, MARKED_REQUESTS, COMPLETED_REQUESTS = 3, 2, 1
CREATION_REQUESTS = 2
# Moments of virt-controller, by its log on the lab: from one migration object that the evacuation controller makes to
# the next; from there until the object looks for a slot; from a slot that is taken until the evacuation controller
# counts it; until the cache has seen a target pod.
OBJECT_STEP_S = 0.045
OBJECT_READY_S = 0.12
PHASE_SEEN_S = 0.06
CREATION_SEEN_S = 0.02
# One request to the API server and back.
REQUEST_S = 0.015
# How long the rollout of this collection takes to see that a pool is through and to release the next.
RELEASE_S = 1.0

# The limits of the reference architecture: nobody has published a run beyond them.
SEED_LIMITS = MigrationLimits(per_cluster=20, per_node=4)

# Kubernetes' default grace period of a pod: the longest that one takes to stop that sets none.
DEFAULT_POD_STOP_S = 30.0
# A bare-metal server through its firmware, the bootloader and the kubelet's start. An assumption: measure yours.
DEFAULT_REBOOT_S = 300.0
# The reference architecture's example of a VM: 10 s from Scheduling to Scheduled, 2 s from there to Running.
DEFAULT_TARGET_START_S = 10.0
# The reference architecture's means; its other systems take the first's.
SEED_MIGRATION_S: t.Mapping[str, float] = {"rhel": 14.0, "fedora": 23.0, "windows": 12.0, "default": 14.0}
# How its RHEL VMs spread around their mean of 14 s: 35 % took about 7 s; the others as much longer as keeps the mean.
# How far each kind spreads by itself is an assumption. The longest decide whether a drain ends within its attempt.
_QUICK, _VMS = 7, 20
_QUICK_TIME = 0.5
_QUICK_SPREAD, _SLOW_SPREAD = 0.1, 0.3
# The grace period of a VM (KubeVirt's templates): the longest that one takes to shut down that restarts elsewhere.
DEFAULT_VM_STOP_S = 180.0


def spread_around(mean_s: float) -> t.Tuple[float, ...]:
    """Return times with this mean, spread as the reference architecture's."""
    slow_time = (_VMS - _QUICK * _QUICK_TIME) / (_VMS - _QUICK)
    quick = _evenly(_QUICK_TIME * mean_s, _QUICK_SPREAD, _QUICK)
    return (*quick, *_evenly(slow_time * mean_s, _SLOW_SPREAD, _VMS - _QUICK))


def _evenly(mean_s: float, spread: float, number: int) -> t.Tuple[float, ...]:
    return tuple(mean_s * (1 + spread * ((2 * index + 1) / number - 1)) for index in range(number))


# How a VM leaves a node that is drained: RESTARTS elsewhere, STOPS and nothing starts it again, STAYS and blocks.
MIGRATES, RESTARTS, STOPS, STAYS = "migrates", "restarts", "stops", "stays"

# A time, or times of which any may be met.
Seconds = t.Union[float, t.Sequence[float]]


@dataclass(frozen=True)
class Vm:
    """A VM, and how it leaves; ``why`` says why it stays."""

    name: str
    system: str = "unknown"
    leaves: str = MIGRATES
    memory_bytes: int = 0
    why: str = ""


@dataclass(frozen=True)
class Node:
    """A node with the pods that a drain evicts, and its VMs.

    ``pod_stops`` is how long its pods take to stop: seconds and how many of them, the others as long as the scenario
    says; ``blocked`` names pods that a PodDisruptionBudget keeps.
    """

    name: str
    pods: int = 0
    pod_stops: t.Tuple[t.Tuple[float, int], ...] = ()
    daemon_pods: int = 0
    vms: t.Tuple[Vm, ...] = ()
    blocked: t.Tuple[str, ...] = ()


@dataclass(frozen=True)
class Pool:
    """The nodes of a MachineConfigPool that have to change, and how many of them may at once."""

    name: str
    nodes: t.Tuple[Node, ...]
    max_unavailable: int


@dataclass(frozen=True)
class Durations:
    """What hardware and guests take, in seconds.

    ``migration_s`` is the copy by operating system, with ``default`` for the others; ``target_start_s`` what the
    target's pod takes before it. ``reboot_s`` is the end of the drain until the daemon is back.
    """

    migration_s: t.Mapping[str, Seconds] = field(default_factory=lambda: dict(SEED_MIGRATION_S))
    target_start_s: float = DEFAULT_TARGET_START_S
    reboot_s: float = DEFAULT_REBOOT_S
    pod_stop_s: float = DEFAULT_POD_STOP_S
    vm_stop_s: float = DEFAULT_VM_STOP_S
    # From the end of a migration until its source pod is complete, and from that pod's eviction until it is gone.
    source_ends_s: float = 1.0
    source_gone_s: float = 1.0

    def copy_s(self, system: str) -> Seconds:
        """Return the copy time of an operating system."""
        return self.migration_s.get(system, self.migration_s.get("default", SEED_MIGRATION_S["default"]))


@dataclass(frozen=True)
class Controllers:
    """The controllers' own numbers, which are no settings, and how a release of OpenShift differs.

    ``drain_by_daemon``: before the drain controller existed, each node's daemon drained with a client of its own.
    """

    requests_per_s: float = REQUESTS_PER_S
    burst: int = BURST
    drain_workers: int = DRAIN_WORKERS
    drain_by_daemon: bool = False
    daemon_poll_s: float = DAEMON_POLL_S
    daemon_reacts_s: float = DAEMON_REACTS_S


@dataclass(frozen=True)
class VirtApi:
    """What virt-api may ask of the API server: its replicas, each with a client of its own, evenly used.

    ``set_per_s`` and ``set_burst`` are what the KubeVirt object sets; they count once, and only where they are more
    than the replicas' own.
    """

    replicas: int = VIRT_API_LEAST
    set_per_s: float = 0.0
    set_burst: int = 0

    @property
    def requests_per_s(self) -> float:
        """Requests a second of all replicas."""
        return max(self.replicas * VIRT_API_REQUESTS_PER_S, self.set_per_s)

    @property
    def burst(self) -> int:
        """Requests that may be sent at once after a rest."""
        return max(self.replicas * VIRT_API_BURST, self.set_burst)


@dataclass(frozen=True)
class Scenario:
    """One rollout: pools in the order in which they roll, the nodes that stay as they are, and all that takes time.

    :ivar bandwidth_bytes_s: what KubeVirt allows one migration; 0 is no limit.
    :ivar max_disrupted: how many nodes of all pools may be out of service; None is no limit but the pools' own.
    :ivar one_at_a_time: whether a pool starts when the one before it is through.
    """

    pools: t.Tuple[Pool, ...]
    others: t.Tuple[Node, ...] = ()
    limits: MigrationLimits = field(default_factory=MigrationLimits)
    bandwidth_bytes_s: float = 0.0
    durations: Durations = field(default_factory=Durations)
    controllers: Controllers = field(default_factory=Controllers)
    virt_api: VirtApi = field(default_factory=VirtApi)
    one_at_a_time: bool = True
    max_disrupted: t.Optional[int] = None
    seed: int = 0

    @property
    def rolling(self) -> t.List[Node]:
        """All nodes that change."""
        return [node for pool in self.pools for node in pool.nodes]

    @property
    def vms(self) -> int:
        """How many VMs are on the nodes that change."""
        return sum(len(node.vms) for node in self.rolling)
