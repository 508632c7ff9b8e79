# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The fields of ``KubeletConfiguration`` v1beta1, and what may be set through a KubeletConfig.

The machine-config operator drops misspelt fields and takes values out of range, and reports success all the same; the
kubelet then does not start. So both are checked here. Fields and releases: ``config/v1beta1/types.go`` of
``k8s.io/kubelet`` 0.22 to 0.35; ranges: the kubelet's own validation.
"""

from __future__ import annotations

import difflib
import re
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_decimal, parse_int

_INTEGERS = """
    containerLogMaxFiles containerLogMaxWorkers eventBurst eventRecordQPS evictionMaxPodGracePeriod healthzPort
    imageGCHighThresholdPercent imageGCLowThresholdPercent iptablesDropBit iptablesMasqueradeBit kubeAPIBurst
    kubeAPIQPS maxOpenFiles maxParallelImagePulls maxPods nodeLeaseDurationSeconds nodeStatusMaxImages oomScoreAdj
    podPidsLimit podsPerCore port readOnlyPort registryBurst registryPullQPS
"""
_NUMBERS = "memoryThrottlingFactor"
_FLAGS = """
    cgroupsPerQOS cpuCFSQuota enableContentionProfiling enableControllerAttachDetach enableDebugFlagsHandler
    enableDebuggingHandlers enableProfilingHandler enableServer enableSystemLogHandler enableSystemLogQuery
    failCgroupV1 failSwapOn kernelMemcgNotification localStorageCapacityIsolation makeIPTablesUtilChains
    mergeDefaultEvictionSettings protectKernelDefaults registerNode rotateCertificates runOnce seccompDefault
    serializeImagePulls serverTLSBootstrap singleProcessOOMKill
"""
_DURATIONS = """
    containerLogMonitorInterval cpuCFSQuotaPeriod cpuManagerReconcilePeriod evictionPressureTransitionPeriod
    fileCheckFrequency httpCheckFrequency imageMaximumGCAge imageMinimumGCAge nodeStatusReportFrequency
    nodeStatusUpdateFrequency runtimeRequestTimeout shutdownGracePeriod shutdownGracePeriodCriticalPods
    streamingConnectionIdleTimeout syncFrequency volumeStatsAggPeriod
"""
_TEXTS = """
    address cgroupDriver cgroupRoot clusterDomain configMapAndSecretChangeDetectionStrategy containerLogMaxSize
    containerRuntimeEndpoint contentType cpuManagerPolicy hairpinMode healthzBindAddress
    imagePullCredentialsVerificationPolicy imageServiceEndpoint kubeReservedCgroup kubeletCgroups memoryManagerPolicy
    podCIDR podLogsDir providerID reservedSystemCPUs resolvConf showHiddenMetricsForVersion staticPodPath staticPodURL
    systemCgroups systemReservedCgroup tlsCertFile tlsMinVersion tlsPrivateKeyFile topologyManagerPolicy
    topologyManagerScope volumePluginDir
"""
_LISTS = """
    allowedUnsafeSysctls clusterDNS enforceNodeAllocatable preloadedImagesVerificationAllowlist registerWithTaints
    reservedMemory shutdownGracePeriodByPodPriority tlsCipherSuites
"""
_MAPPINGS = """
    authentication authorization cpuManagerPolicyOptions crashLoopBackOff evictionHard evictionMinimumReclaim
    evictionSoft evictionSoftGracePeriod featureGates kubeReserved logging memorySwap qosReserved staticPodURLHeader
    systemReserved topologyManagerPolicyOptions tracing userNamespaces
"""
_KINDS: dict[str, str] = {
    name: kind
    for kind, names in {
        "integer": _INTEGERS,
        "number": _NUMBERS,
        "flag": _FLAGS,
        "duration": _DURATIONS,
        "text": _TEXTS,
        "list": _LISTS,
        "mapping": _MAPPINGS,
    }.items()
    for name in names.split()
}
# The minor release of Kubernetes 1 that brought a field; the others are older than OpenShift 4.9.
_SINCE = {
    "containerLogMaxWorkers": 30,
    "containerLogMonitorInterval": 30,
    "containerRuntimeEndpoint": 27,
    "crashLoopBackOff": 32,
    "enableSystemLogQuery": 27,
    "failCgroupV1": 31,
    "imageMaximumGCAge": 29,
    "imagePullCredentialsVerificationPolicy": 33,
    "imageServiceEndpoint": 27,
    "localStorageCapacityIsolation": 25,
    "maxParallelImagePulls": 27,
    "mergeDefaultEvictionSettings": 33,
    "podLogsDir": 30,
    "preloadedImagesVerificationAllowlist": 33,
    "registerNode": 23,
    "registerWithTaints": 23,
    "shutdownGracePeriodByPodPriority": 23,
    "singleProcessOOMKill": 32,
    "topologyManagerPolicyOptions": 26,
    "tracing": 25,
    "userNamespaces": 33,
}
# The operator refuses these, and while it does, nothing is rendered for the pool.
_FORBIDDEN = (
    "cgroupDriver",
    "clusterDNS",
    "clusterDomain",
    "failSwapOn",
    "featureGates",
    "memorySwap",
    "staticPodPath",
)
# Smallest and largest value of integers; any other integer is at least 1.
_RANGES: dict[str, tuple[int, int | None]] = {
    "containerLogMaxFiles": (2, None),
    "healthzPort": (1, 65535),
    "imageGCHighThresholdPercent": (1, 100),
    "imageGCLowThresholdPercent": (1, 100),
    "iptablesDropBit": (1, 31),
    "iptablesMasqueradeBit": (1, 31),
    "nodeStatusMaxImages": (-1, None),
    "oomScoreAdj": (-1000, 1000),
    "podPidsLimit": (-1, None),
    "port": (1, 65535),
    "readOnlyPort": (1, 65535),
}
_INT32_MAX = 2**31 - 1
_INT64_MAX = 2**63 - 1
_INT64_FIELDS = ("maxOpenFiles", "podPidsLimit")
_DURATION = re.compile(r"(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))+")
_DURATION_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_UNIT_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def check_settings(settings: t.Mapping[str, t.Any], minor: int | None = None) -> dict[str, t.Any]:
    """Return the settings with numbers as numbers.

    :param minor: the minor release of the oldest kubelet; None checks the names only.
    :raises TuningError: for a field that does not exist (with the nearest that does), is too new, or not allowed.
    :raises InvalidValue: for a value of the wrong type or out of range, or one that the operator would ignore.
    """
    if not settings:
        raise TuningError("No kubelet setting is given; name at least one.")
    return {name: _check(name, value, minor) for name, value in settings.items()}


def same_value(name: str, wanted: t.Any, found: t.Any) -> bool:
    """Return whether a kubelet reports the wanted value; durations may be written differently."""
    if _KINDS.get(name) == "duration" and found is not None:
        return _seconds(str(wanted)) == _seconds(str(found))
    return bool(wanted == found)


def _check(name: str, value: t.Any, minor: int | None) -> t.Any:
    if name not in _KINDS:
        near = difflib.get_close_matches(name, _KINDS, n=1)
        hint = f"; did you mean {near[0]}?" if near else "."
        raise TuningError(f"{name} is no field of the kubelet's configuration, and the operator would drop it{hint}")
    if name in _FORBIDDEN:
        raise TuningError(f"{name} may not be set by a KubeletConfig: the machine-config operator refuses it.")
    since = _SINCE.get(name)
    if since is not None and minor is not None and minor < since:
        raise TuningError(f"{name} came with Kubernetes 1.{since}, but the oldest kubelet here is 1.{minor}.")
    checked = _CHECKS[_KINDS[name]](name, value)
    # The operator merges by "is it set?", and Go takes the zero of a type for not set.
    if not checked and (name, checked) != ("protectKernelDefaults", False):
        raise InvalidValue(name, value, "something else: the operator takes zero, false and empty values for not set")
    return checked


def _integer(name: str, value: t.Any) -> int:
    minimum, maximum = _RANGES.get(name, (1, None))
    if maximum is None:
        maximum = _INT64_MAX if name in _INT64_FIELDS else _INT32_MAX
    return parse_int(name, value, minimum=minimum, maximum=maximum)


def _number(name: str, value: t.Any) -> float:
    return float(parse_decimal(name, value, above=0, maximum=1))


def _flag(name: str, value: t.Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidValue(name, value, "true or false")
    return value


def _duration(name: str, value: t.Any) -> str:
    if not isinstance(value, str) or not _DURATION.fullmatch(value) or not _seconds(value):
        raise InvalidValue(name, value, "a duration above zero such as 30s, 5m or 1h30m")
    return value


def _text(name: str, value: t.Any) -> str:
    if not isinstance(value, str):
        raise InvalidValue(name, value, "a string")
    return value


def _list(name: str, value: t.Any) -> list[t.Any]:
    if not isinstance(value, list):
        raise InvalidValue(name, value, "a list")
    return value


def _mapping(name: str, value: t.Any) -> dict[str, t.Any]:
    if not isinstance(value, dict):
        raise InvalidValue(name, value, "a mapping")
    return value


def _seconds(text: str) -> float:
    return round(sum(float(count) * _UNIT_S[unit] for count, unit in _DURATION_PART.findall(text)), 9)


_CHECKS: dict[str, t.Callable[[str, t.Any], t.Any]] = {
    "integer": _integer,
    "number": _number,
    "flag": _flag,
    "duration": _duration,
    "text": _text,
    "list": _list,
    "mapping": _mapping,
}
