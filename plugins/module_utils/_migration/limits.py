# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The limits of live migration that hold: those of the KubeVirt object, in which all other settings end."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import value_at

PER_CLUSTER = "parallelMigrationsPerCluster"
PER_NODE = "parallelOutboundMigrationsPerNode"
_MIGRATIONS = ("spec", "configuration", "migrations")
# KubeVirt's own, pkg/virt-config/virt-config.go.
_DEFAULT_PER_CLUSTER = 5
_DEFAULT_PER_NODE = 2


@dataclass(frozen=True)
class MigrationLimits:
    """How many migrations may hold a place at once: in the cluster, and leaving one node."""

    per_cluster: int = _DEFAULT_PER_CLUSTER
    per_node: int = _DEFAULT_PER_NODE

    @classmethod
    def of(cls, kubevirt: t.Mapping[str, t.Any] | None) -> MigrationLimits:
        """Return the limits of a KubeVirt object; KubeVirt's defaults where it says nothing."""
        said = value_at(kubevirt or {}, _MIGRATIONS) or {}
        return cls(
            int(said.get(PER_CLUSTER) or _DEFAULT_PER_CLUSTER),
            int(said.get(PER_NODE) or _DEFAULT_PER_NODE),
        )

    def or_more(self, other: MigrationLimits) -> MigrationLimits:
        """Return the higher of each limit."""
        return MigrationLimits(max(self.per_cluster, other.per_cluster), max(self.per_node, other.per_node))
