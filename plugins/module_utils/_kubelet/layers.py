# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Which KubeletConfig wins on a pool.

KubeletConfigs are not merged: each is rendered over the defaults into a whole file, and the MachineConfig whose name
sorts last wins it. Within a pool that is the newest; a custom pool's own wins over the worker pool's in full.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.label_selector import Selector
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object, annotations_of, labels_of

# The seed's layout: one object for the pods and the API, another for the scheduling fix.
_SEED_FIRST, _SEED_SECOND = "set-max-pods", "custom-scheduling"
_SEED_SECOND_SETTINGS = ("nodeStatusMaxImages",)
# The operator numbers a pool's KubeletConfigs: none for the first, then 1 to 9, never reused.
SUFFIX_ANNOTATION = "machineconfiguration.openshift.io/mc-name-suffix"
LAST_SUFFIX = 9


@dataclass(frozen=True)
class Layer:
    """A KubeletConfig as it lies over others."""

    name: str
    settings: t.Mapping[str, t.Any]
    selector: Selector
    # Later layers win; those that the controller has not numbered yet come last, the newest of them at the end.
    order: tuple[int, str]

    @classmethod
    def of(cls, item: Object) -> Layer:
        """Return the layer that a KubeletConfig object makes."""
        spec = item.get("spec") or {}
        suffix = annotations_of(item).get(SUFFIX_ANNOTATION)
        number = LAST_SUFFIX + 1 if suffix is None else int(suffix or 0)
        return cls(
            name=item["metadata"]["name"],
            settings=spec.get("kubeletConfig") or {},
            selector=Selector.parse(spec.get("machineConfigPoolSelector")),
            order=(number, item["metadata"].get("creationTimestamp", "")),
        )

    def on(self, pool: Object) -> bool:
        """Return whether it selects the pool."""
        return self.selector.matches(labels_of(pool))


def lost_settings(winner: t.Mapping[str, t.Any], loser: t.Mapping[str, t.Any]) -> list[str]:
    """Return the settings of ``loser`` that are gone, or differ, once ``winner`` has overridden it."""
    return sorted(name for name, value in loser.items() if winner.get(name) != value)


def seed_layout(settings: t.Mapping[str, t.Any]) -> tuple[str, dict[str, t.Any]]:
    """Return the object of the reference architecture that the settings belong into: its name and its settings.

    :raises TuningError: where they belong into both, since the second would override the first.
    """
    first = {name: value for name, value in settings.items() if name not in _SEED_SECOND_SETTINGS}
    second = {name: value for name, value in settings.items() if name in _SEED_SECOND_SETTINGS}
    if first and second:
        lost = ", ".join(f"{name} {value}" for name, value in sorted(first.items()))
        raise TuningError(
            f"Two KubeletConfigs on one pool override each other, they do not merge: {_SEED_SECOND} would take away "
            f"{lost} of {_SEED_FIRST}; set the layout to one."
        )
    return (_SEED_FIRST, first) if first else (_SEED_SECOND, second)
