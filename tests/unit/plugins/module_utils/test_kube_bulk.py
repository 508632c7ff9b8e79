# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The asynchronous client against a server on the loopback, and what such a server may go through."""

from __future__ import annotations

import asyncio
import contextlib
import typing as t

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("kubernetes")

from aiohttp import web
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk import BulkClient
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk_session import BulkSession
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Object, Resource
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.settings import connection_settings
from api_server import ApiServer, Fault, status

MAPS = Resource("v1", "configmaps")
SPACES = Resource("v1", "namespaces")


def named(name: str, **labels: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}}


def run(test: t.Callable[[ApiServer, BulkClient], t.Awaitable[None]], **options: t.Any) -> None:
    """Run a test with a server and a client of it."""

    async def main() -> None:
        async with ApiServer() as server:
            server.put(SPACES, {"metadata": {"name": "s"}})
            async with BulkClient.connect(server.auth, **options) as api:
                await asyncio.wait_for(test(server, api), 20)

    asyncio.run(main())


def once(answer: web.Response | str, method: str) -> Fault:
    """A fault of the first request of a method."""
    waiting = [answer]
    return lambda called, path, body: waiting.pop() if waiting and called == method else None


def test_many_are_made_at_once_but_not_too_many() -> None:
    async def test(server: ApiServer, api: BulkClient) -> None:
        server.delay_s = 0.02
        made = await asyncio.gather(
            *(api.create(MAPS, f"n{number}", named(f"n{number}"), "s", field_manager="me") for number in range(60))
        )
        assert all(new for _item, new in made)
        assert server.most_at_once == 7
        assert api.requests == len(server.calls) == 60

    run(test, concurrency=7)


def test_lists_come_in_pages_and_empty_ones_too() -> None:
    async def test(server: ApiServer, api: BulkClient) -> None:
        for number in range(600):
            server.put(MAPS, {"metadata": {"name": f"n{number}", "namespace": "s", "labels": {"odd": str(number % 2)}}})
        names = [item["metadata"]["name"] async for item in api.items(MAPS, label_selector="odd=1")]
        assert names == [f"n{number}" for number in range(1, 600, 2)]
        assert api.requests == 2
        assert [item async for item in api.items(MAPS, "other")] == []

    run(test)


def test_too_many_requests_are_sent_again_when_the_server_says() -> None:
    async def test(server: ApiServer, api: BulkClient) -> None:
        server.faults.append(once(status(429, "slow down", **{"Retry-After": "0.3"}), "POST"))
        began = asyncio.get_running_loop().time()
        _item, new = await api.create(MAPS, "a", named("a"), "s", field_manager="me")
        assert new and server.count("POST", "configmaps") == 2
        assert asyncio.get_running_loop().time() - began >= 0.3
        assert api.silence is None

    run(test)


def test_a_creation_whose_answer_was_lost_is_not_done_twice() -> None:
    async def test(server: ApiServer, api: BulkClient) -> None:
        server.faults.append(once("lose", "POST"))
        body = named("a", owner="me")
        _item, new = await api.create(
            MAPS, "a", body, "s", field_manager="me", mine=lambda item: item["metadata"]["labels"]["owner"] == "me"
        )
        assert not new
        assert server.count("POST", "configmaps") == 2
        assert list(server.of(MAPS)) == ["a"]

    run(test)


def test_a_name_that_somebody_else_took_is_refused() -> None:
    async def test(server: ApiServer, api: BulkClient) -> None:
        server.put(MAPS, {"metadata": {"name": "a", "namespace": "s"}})
        with pytest.raises(KubeError, match="already exists") as refusal:
            await api.create(MAPS, "a", named("a"), "s", field_manager="me", mine=lambda item: False)
        assert refusal.value.status == 409

    run(test)


def test_any_other_post_whose_answer_was_lost_is_told_and_not_repeated() -> None:
    async def test(server: ApiServer, api: BulkClient) -> None:
        server.faults.append(once("lose", "POST"))
        with pytest.raises(KubeError) as error:
            await api.request("POST", "/api/v1/namespaces/s/configmaps", named("a"))
        assert error.value.status == 0
        assert server.count("POST", "configmaps") == 1

    run(test)


@pytest.mark.parametrize("code, sent", [(500, 2), (503, 2), (403, 1), (404, 1), (422, 1)])
def test_which_refusals_are_worth_another_try(code: int, sent: int) -> None:
    async def test(server: ApiServer, api: BulkClient) -> None:
        server.put(MAPS, {"metadata": {"name": "a", "namespace": "s"}})
        server.faults.append(once(status(code, "no"), "GET"))
        with contextlib.suppress(KubeError):
            await api.request("GET", "/api/v1/namespaces/s/configmaps/a")
        assert server.count("GET", "configmaps") == sent

    run(test)


def test_a_server_that_restarts_is_waited_for() -> None:
    async def test(server: ApiServer, api: BulkClient) -> None:
        await server.down()
        making = asyncio.create_task(api.create(MAPS, "a", named("a"), "s", field_manager="me"))
        await asyncio.sleep(0.3)
        assert api.silence is not None and not making.done()
        await server.up()
        assert (await making)[1]
        assert api.silence is None

    run(test)


def test_patience_ends() -> None:
    async def test(server: ApiServer, api: BulkClient) -> None:
        await server.down()
        with pytest.raises(KubeError) as error:
            await api.get(MAPS, "a", "s")
        assert error.value.status == 0

    run(test, patience_s=0.3)


def test_only_the_very_object_is_deleted() -> None:
    async def test(server: ApiServer, api: BulkClient) -> None:
        item = server.put(MAPS, {"metadata": {"name": "a", "namespace": "s"}})
        assert not await api.delete(MAPS, "a", "s", uid="another")
        assert await api.delete(MAPS, "a", "s", uid=item["metadata"]["uid"])
        assert not await api.delete(MAPS, "a", "s")

    run(test)


class Heard:
    """What a watch told, and a way to wait for the next of it."""

    def __init__(self, api: BulkClient, **options: t.Any) -> None:
        self.told: list[str] = []
        self._task = asyncio.create_task(self._follow(api, options))

    async def _follow(self, api: BulkClient, options: t.Any) -> None:
        async for event, item in api.watch(MAPS, "s", "x=y", **options):
            self.told.append(f"{event} {item['metadata'].get('name', '')}".strip())

    async def until(self, count: int) -> list[str]:
        while len(self.told) < count:
            await asyncio.sleep(0.01)
            assert not self._task.done(), self._task.exception()
        return self.told

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def labelled(name: str) -> Object:
    return {"metadata": {"name": name, "namespace": "s", "labels": {"x": "y"}}}


def test_a_watch_goes_on_through_restarts_and_gaps() -> None:
    async def test(server: ApiServer, api: BulkClient) -> None:
        server.put(MAPS, labelled("a"))
        server.put(MAPS, {"metadata": {"name": "others", "namespace": "s"}})
        heard = Heard(api)
        await heard.until(2)
        server.put(MAPS, labelled("b"))
        server.remove(("configmaps", "s", "a"))
        await heard.until(4)
        await server.down()
        server.put(MAPS, labelled("c"))
        await server.up()
        assert await heard.until(5) == ["LISTED a", "SYNCED", "ADDED b", "DELETED a", "ADDED c"]
        # What happens in a gap too long for the server is told by a new list.
        await server.down()
        server.remove(("configmaps", "s", "b"))
        server.put(MAPS, labelled("d"))
        server.forget_history()
        await server.up()
        assert (await heard.until(8))[5:] == ["LISTED c", "LISTED d", "SYNCED"]
        await heard.stop()

    run(test)


def test_a_watch_may_begin_with_what_comes() -> None:
    async def test(server: ApiServer, api: BulkClient) -> None:
        server.put(MAPS, labelled("a"))
        heard = Heard(api, list_first=False)
        await asyncio.sleep(0.2)
        server.put(MAPS, labelled("b"))
        assert await heard.until(1) == ["ADDED b"]
        await heard.stop()

    run(test)


def test_an_object_of_a_megabyte_is_heard_of() -> None:
    async def test(server: ApiServer, api: BulkClient) -> None:
        heard = Heard(api)
        await heard.until(1)
        server.put(MAPS, {**labelled("big"), "data": {"text": "x" * 1_000_000}})
        assert await heard.until(2) == ["SYNCED", "ADDED big"]
        await heard.stop()

    run(test)


def test_a_watch_that_is_refused_for_good_says_so() -> None:
    async def test(server: ApiServer, api: BulkClient) -> None:
        server.faults.append(lambda method, path, body: status(403, "you may not"))
        with pytest.raises(KubeError, match="you may not"):
            async for _event in api.watch(MAPS):
                pass

    run(test)


def test_the_proxy_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async def proxy(host: str) -> str | None:
        session = BulkSession(connection_settings({"host": host}))
        await session.close()
        return session.proxy

    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "inside.example")
    assert asyncio.run(proxy("https://api.example:6443")) == "http://proxy:3128"
    assert asyncio.run(proxy("https://api.inside.example:6443")) is None


def test_certificates_that_are_missing_are_named() -> None:
    async def connect() -> None:
        async with BulkClient.connect({"host": "https://127.0.0.1:1", "ca_cert": "/nowhere.pem"}):
            pass

    with pytest.raises(TuningError, match=r"certificates for https://127\.0\.0\.1:1 cannot be used"):
        asyncio.run(connect())
