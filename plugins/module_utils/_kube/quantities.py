# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Kubernetes' quantities, and what a pod asks of its node."""

from __future__ import annotations

import functools
import re
import typing as t
from decimal import Decimal

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue

_FORM = re.compile(r"([+-]?[0-9]+\.?[0-9]*|[+-]?\.[0-9]+)(?:([eE][+-]?[0-9]{1,3})|([KMGTPE]i|[numkMGTPE]))?")
_FACTORS = {
    "": Decimal(1),
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)},
    "m": Decimal("1e-3"),
    "u": Decimal("1e-6"),
    "n": Decimal("1e-9"),
}


class Requests(t.NamedTuple):
    """What is asked of a node."""

    cpu_cores: float
    memory_bytes: int


@functools.lru_cache(maxsize=4096)
def parse_quantity(text: t.Any) -> Decimal:
    """Return the number that a quantity such as ``500m``, ``4Gi``, ``1e3`` or 2 stands for.

    Form and suffixes: k8s.io/apimachinery/pkg/api/resource, type Quantity.

    :raises InvalidValue: for anything else.
    """
    found = _FORM.fullmatch(str(text))
    if found is None:
        raise InvalidValue("quantity", text, "a Kubernetes quantity such as 500m, 4Gi or 2")
    number, exponent, suffix = found.groups()
    return Decimal(number + (exponent or "")) * _FACTORS[suffix or ""]


def requests_of_pod(spec: t.Mapping[str, t.Any]) -> Requests:
    """Return what the scheduler counts for a pod.

    Init containers run one after the other before the others, so the largest counts; those that restart always are
    sidecars and stay. Source: the documentation of Kubernetes on sidecar containers, "Resource sharing within
    containers".
    """
    return Requests(round(_total(spec, "cpu"), 6), int(_total(spec, "memory")))


def _total(spec: t.Mapping[str, t.Any], name: str) -> float:
    sidecars = peak = 0.0
    for container in spec.get("initContainers") or []:
        asked = _asked(container, name)
        if container.get("restartPolicy") == "Always":
            sidecars += asked
            peak = max(peak, sidecars)
        else:
            peak = max(peak, sidecars + asked)
    running = sidecars + sum(_asked(container, name) for container in spec.get("containers") or [])
    whole = _number((spec.get("resources") or {}).get("requests"), name)
    return (max(peak, running) if whole is None else whole) + (_number(spec.get("overhead"), name) or 0.0)


def _asked(container: t.Mapping[str, t.Any], name: str) -> float:
    return _number((container.get("resources") or {}).get("requests"), name) or 0.0


def _number(asked: t.Mapping[str, t.Any] | None, name: str) -> float | None:
    return float(parse_quantity(asked[name])) if asked and name in asked else None
