# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""A bounded load on one member: small writes at a fixed rate to a few keys of its own, which are taken away again."""

from __future__ import annotations

import contextlib
import threading
import time
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.api import Api
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.reading import encode

# Objects of the platform are of about this size, and a few of them change all the time.
_VALUE = "x" * 1024
_KEYS = 100

Put = t.Callable[[int], t.Any]


class Load:
    """Writes in the background until it is left."""

    def __init__(self, put: Put, puts_per_s: int) -> None:
        self._put, self._pause_s = put, 1.0 / puts_per_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.done = 0
        self.error: TuningError | None = None

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._over.wait(max(0.0, due - time.monotonic())):
            try:
                self._put(self.done % _KEYS)
            except TuningError as error:
                self.error = error
                return
            self.done += 1
            # A member that cannot keep up is not made to catch up afterwards.
            due = max(due + self._pause_s, time.monotonic() - self._pause_s)


@contextlib.contextmanager
def load(api: Api, storage: str, who: str, puts_per_s: int) -> t.Iterator[Load]:
    """Write to the ``v2`` or ``v3`` storage at a rate, and take all of it away at the end.

    :param who: a name that no other member has.
    :raises TuningError: when the member takes no writes.
    """
    place = f"/virtscale-load-{who}"
    put, remove = (_v2 if storage == "v2" else _v3)(api, place)
    try:
        with Load(put, puts_per_s) as running:
            yield running
        if running.error:
            raise running.error
    finally:
        with contextlib.suppress(TuningError):
            remove()


def _v2(api: Api, place: str) -> tuple[Put, t.Callable[[], t.Any]]:
    return (
        lambda number: api.call("PUT", f"/v2/keys{place}/{number}", form={"value": _VALUE}),
        lambda: api.call("DELETE", f"/v2/keys{place}?recursive=true"),
    )


def _v3(api: Api, place: str) -> tuple[Put, t.Callable[[], t.Any]]:
    def put(number: int) -> t.Any:
        body = {"key": encode(f"{place}/{number}".encode()), "value": encode(_VALUE.encode())}
        return api.call("POST", "/v3/kv/put", body=body)

    whole = {"key": encode(f"{place}/".encode()), "range_end": encode(f"{place}0".encode())}
    return put, lambda: api.call("POST", "/v3/kv/deleterange", body=whole)
