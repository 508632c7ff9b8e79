# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Label selectors as Kubernetes and the machine-config-controller match them."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError

_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


@dataclass(frozen=True)
class Requirement:
    """One condition on one label."""

    key: str
    operator: str
    values: t.Tuple[str, ...] = ()

    def holds(self, labels: t.Mapping[str, str]) -> bool:
        """Return whether ``labels`` fulfil it; NotIn and DoesNotExist hold where the label is missing."""
        present = self.key in labels
        if self.operator == "Exists":
            return present
        if self.operator == "DoesNotExist":
            return not present
        if self.operator == "In":
            return present and labels[self.key] in self.values
        return not present or labels[self.key] not in self.values


@dataclass(frozen=True)
class Selector:
    """A set of requirements that must all hold; ``everything`` needs none."""

    requirements: t.Tuple[Requirement, ...] = ()
    everything: bool = False

    @classmethod
    def parse(cls, spec: t.Mapping[str, t.Any] | None, *, empty_matches_all: bool = False) -> Selector:
        """Read a ``metav1.LabelSelector``.

        :param empty_matches_all: what Kubernetes makes of an empty selector. Without it an empty one matches nothing,
            as a missing one does and as the machine-config-controller has it when it looks for what a pool selects.
        :raises TuningError: for an operator that Kubernetes does not know.
        """
        given, spec = spec, spec or {}
        found = [Requirement(key, "In", (value,)) for key, value in (spec.get("matchLabels") or {}).items()]
        for entry in spec.get("matchExpressions") or []:
            if entry["operator"] not in _OPERATORS:
                raise TuningError(
                    f"A label selector has the operator {entry['operator']!r}, "
                    f"but must have one of {', '.join(_OPERATORS)}."
                )
            found.append(Requirement(entry["key"], entry["operator"], tuple(entry.get("values") or ())))
        return cls(tuple(found), everything=empty_matches_all and given is not None and not found)

    def matches(self, labels: t.Mapping[str, str]) -> bool:
        """Return whether every requirement holds for ``labels``."""
        if not self.requirements:
            return self.everything
        return all(requirement.holds(labels) for requirement in self.requirements)
