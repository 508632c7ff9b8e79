# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The rollout's hands and eyes: one watch a kind of object, fresh reads where it matters, one guarded write.

All that a rollout must remember is in the cluster itself, so a killed run is finished by starting it again.
"""

from __future__ import annotations

import threading
import time
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import (
    KUBELET_CONFIGS,
    MACHINE_CONFIG_POOLS,
    MACHINE_CONFIGS,
    NODES,
    KubeClient,
    KubeError,
    Resource,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import (
    FIELD_MANAGER,
    PAUSE_MARK,
    ROLE_LABEL,
    Pool,
    Snapshot,
    parse_files,
    parse_generator,
    parse_node,
    parse_pool,
    parse_source,
)

CONTAINER_RUNTIME_CONFIGS = Resource("machineconfiguration.openshift.io/v1", "containerruntimeconfigs")
_WATCH_S = 60
_RETRY_S = 1.0
# A starting API server refuses for some seconds what it serves later: kinds of custom resources, roles.
_REFUSALS_BORNE = 15
# Rendered configurations carry no role, so this selector leaves them out: there are many, and they are large.
_HAS_ROLE = ROLE_LABEL

# In the order of cause before effect: a fresh read that sees an effect has then seen its causes.
_KINDS: dict[str, tuple[Resource, t.Callable[[t.Any], t.Any], str | None]] = {
    "kubelet_configs": (KUBELET_CONFIGS, lambda item: parse_generator("KubeletConfig", item), None),
    "runtime_configs": (CONTAINER_RUNTIME_CONFIGS, lambda item: parse_generator("ContainerRuntimeConfig", item), None),
    "sources": (MACHINE_CONFIGS, parse_source, _HAS_ROLE),
    "pools": (MACHINE_CONFIG_POOLS, parse_pool, None),
    "nodes": (NODES, parse_node, None),
}


class ClusterView:
    """A copy of the cluster that follows it; ``unreachable`` says why it does not, while it does not."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._facts: dict[str, dict[str, t.Any]] = {}
        self._versions: dict[str, str] = {}
        self._rendered: dict[str, dict[str, str]] = {}
        self._silent: dict[str, str] = {}
        self._failure: KubeError | None = None
        self._changed = threading.Condition()
        self._changes = 0
        self._stopped = False

    def fresh(self) -> Snapshot:
        """Read everything anew and return it.

        :raises KubeError: when the API does not answer.
        """
        return self._snapshot({kind: self._list(kind)[0] for kind in _KINDS})

    def follow(self) -> None:
        """Read everything and watch it from there on, one thread a kind; :meth:`stop` ends them.

        :raises KubeError: when the API does not answer.
        """
        for kind in _KINDS:
            self._facts[kind], self._versions[kind] = self._list(kind)
        for kind in self._facts:
            threading.Thread(target=self._follow, args=(kind,), name=f"watch-{kind}", daemon=True).start()

    def stop(self) -> None:
        """End the watches as soon as each hears something, or with the process."""
        self._stopped = True

    @property
    def unreachable(self) -> str | None:
        """Why the API is not heard now, or None."""
        with self._changed:
            return next(iter(self._silent.values()), None)

    def wait(self, seen: int, timeout_s: float) -> int:
        """Return when there is a change after ``seen``, or after ``timeout_s``; the number to ask with next time.

        :raises KubeError: when a watch ended for good.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._changes != seen or self._failure is not None, timeout_s)
            if self._failure is not None:
                raise self._failure
            return self._changes

    def now(self) -> Snapshot:
        """Return what the watches last saw; it may be a moment old."""
        with self._changed:
            facts = {kind: dict(items) for kind, items in self._facts.items()}
        return self._snapshot(facts)

    def release(self, pool: Pool) -> bool:
        """Take our mark and the pause from a pool, unless somebody wrote to it since it was read.

        The field is removed, not set to false: this write then owns nothing, and the next apply may pause again.

        :raises KubeError: when the API refuses it for another reason.
        """
        body = {
            "metadata": {"resourceVersion": pool.resource_version, "annotations": {PAUSE_MARK: None}},
            "spec": {"paused": None},
        }
        try:
            self._client.merge_patch(MACHINE_CONFIG_POOLS, pool.name, body, field_manager=FIELD_MANAGER)
        except KubeError as error:
            if error.status == 409:
                return False
            raise
        return True

    def _snapshot(self, facts: t.Mapping[str, t.Mapping[str, t.Any]]) -> Snapshot:
        pools = facts["pools"]
        targets = {pool.target for pool in pools.values() if pool.target}
        for name in targets - set(self._rendered):
            rendered = self._client.get(MACHINE_CONFIGS, name)
            if rendered is not None:
                self._rendered[name] = parse_files(rendered)
        return Snapshot(
            nodes=facts["nodes"],
            pools=pools,
            generators=[*facts["kubelet_configs"].values(), *facts["runtime_configs"].values()],
            sources=facts["sources"],
            rendered={name: self._rendered[name] for name in targets if name in self._rendered},
        )

    def _list(self, kind: str) -> tuple[dict[str, t.Any], str]:
        resource, parse, selector = _KINDS[kind]
        listing = self._client.list(resource, label_selector=selector)
        return {item["metadata"]["name"]: parse(item) for item in listing.items}, listing.resource_version

    def _follow(self, kind: str) -> None:
        refusals = 0
        while not self._stopped:
            try:
                if not self._versions[kind]:
                    items, self._versions[kind] = self._list(kind)
                    self._heard(kind, items)
                self._watch(kind)
                refusals = 0
            except KubeError as error:
                if error.expired:
                    self._versions[kind] = ""
                    continue
                refusals = 0 if error.transient else refusals + 1
                if refusals > _REFUSALS_BORNE:
                    self._note_failure(error)
                    return
                self._note_silence(kind, str(error))

    def _watch(self, kind: str) -> None:
        """Follow one watch to its end; the next one continues from the last version seen."""
        resource, parse, selector = _KINDS[kind]
        version = self._versions[kind]
        for event, item in self._client.watch(resource, version, timeout_s=_WATCH_S, label_selector=selector):
            name = item["metadata"].get("name")
            if event == "BOOKMARK":
                self._heard(kind)
            elif event == "DELETED":
                self._heard(kind, removed=name)
            else:
                self._heard(kind, added={name: parse(item)})
            self._versions[kind] = item["metadata"]["resourceVersion"]
            if self._stopped:
                return

    def _heard(
        self,
        kind: str,
        items: dict[str, t.Any] | None = None,
        *,
        added: t.Mapping[str, t.Any] | None = None,
        removed: str | None = None,
    ) -> None:
        with self._changed:
            self._silent.pop(kind, None)
            facts = self._facts[kind] if items is None else items
            facts.update(added or {})
            facts.pop(removed or "", None)
            self._facts[kind] = facts
            self._changes += 1
            self._changed.notify_all()

    def _note_silence(self, kind: str, why: str) -> None:
        with self._changed:
            self._silent[kind] = why
            self._changed.notify_all()
        time.sleep(_RETRY_S)

    def _note_failure(self, error: KubeError) -> None:
        with self._changed:
            self._failure = error
            self._changed.notify_all()
