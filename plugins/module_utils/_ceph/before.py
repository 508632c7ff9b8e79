# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What was there before a change, kept in the cluster itself: ``ceph config-key`` under virtscale.tuning/."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.client import CephClient

_PREFIX = "virtscale.tuning/"


class BeforeValues:
    """Notes of one kind (such as ``pool``), each a small JSON object; read once, written one by one."""

    def __init__(self, client: CephClient, kind: str) -> None:
        self._client = client
        self._prefix = f"{_PREFIX}{kind}/"
        dump: t.Mapping[str, str] = client.read("config-key dump", key=self._prefix)
        self.notes: t.Dict[str, t.Dict[str, t.Any]] = {
            key[len(self._prefix) :]: json.loads(text)
            for key, text in sorted(dump.items())
            if key.startswith(self._prefix)
        }

    def get(self, name: str) -> t.Optional[t.Dict[str, t.Any]]:
        """Return the note on one thing, None where we never changed it."""
        return self.notes.get(name)

    def put(self, name: str, note: t.Dict[str, t.Any]) -> None:
        """Write a note; call it before the change, so that a crash between the two loses nothing."""
        if self.notes.get(name) != note:
            self._client.write("config-key set", key=self._prefix + name, val=json.dumps(note, sort_keys=True))
            self.notes[name] = note

    def drop(self, name: str) -> None:
        """Remove the note on a thing that was given back."""
        self._client.write("config-key rm", key=self._prefix + name)
        del self.notes[name]
