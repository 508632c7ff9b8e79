# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster that only answers reads, for the tests of what is made of them."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Listing, Resource

Object = t.Dict[str, t.Any]


class KubeLists:
    """The reading half of KubeClient over objects by plural; a plural that is not there is a kind not served."""

    def __init__(self, lists: t.Mapping[str, t.Sequence[Object]], page_size: int = 2) -> None:
        self.asked: list[str] = []
        self._lists = lists
        self._page_size = page_size

    def pages(
        self, resource: Resource, namespace: str | None = None, label_selector: str | None = None
    ) -> t.Iterator[Listing]:
        self.asked.append(resource.plural)
        if resource.plural not in self._lists:
            raise KubeError(f"no {resource.plural}", 404)
        items = list(self._lists[resource.plural])
        for start in range(0, max(1, len(items)), self._page_size):
            yield Listing(items[start : start + self._page_size], "1")

    def list(self, resource: Resource) -> Listing:
        return Listing([item for page in self.pages(resource) for item in page.items], "1")

    def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object | None:
        self.asked.append(f"{resource.plural}/{name}")
        found = [item for item in self._lists.get(resource.plural, ()) if item["metadata"]["name"] == name]
        return found[0] if found else None

    def for_each(self, call: t.Callable[[t.Any], t.Any], items: t.Sequence[t.Any]) -> t.List[t.Any]:
        return [call(item) for item in items]
