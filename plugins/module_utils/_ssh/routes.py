# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The ways to a virtual machine's SSH port: directly to its address, or through KubeVirt's port-forward.

Both end in a connected socket. So whoever waits for a server's first line can look at it without taking it away, and
hand the same connection to an SSH client afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.errors import CONNECT, SshError

if t.TYPE_CHECKING:
    from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk import BulkClient

BY_IP, BY_PORTFORWARD = "ip", "portforward"

# What KubeVirt's own clients offer: bytes as they are, in binary messages.
_PROTOCOL = "plain.kubevirt.io"
_CHUNK = 32768
# It has no address, no instance or is paused, or its port refused the connection.
_OF_MACHINE = (400, 404, 409, 500)


@dataclass(frozen=True)
class Target:
    """The SSH port of a virtual machine."""

    namespace: str
    name: str
    # Of status.interfaces; not needed where the way leads through the API.
    address: str | None = None
    port: int = 22

    @property
    def host_key_name(self) -> str:
        """Return the name under which known_hosts lists it where there is no address, as virtctl has it."""
        return self.address or f"vmi.{self.name}.{self.namespace}"


class Route(t.Protocol):
    """A way to a target."""

    async def open(self, target: Target) -> socket.socket:
        """Return a connected, non-blocking socket, which the caller closes.

        :raises SshError: of the stage ``connect``.
        """


class ByAddress:
    """Straight to the address, from a controller that reaches the machines' network."""

    async def open(self, target: Target) -> socket.socket:
        """Connect to the address and port."""
        if not target.address:
            raise SshError(CONNECT, "it has no address in status.interfaces")
        try:
            version = ipaddress.ip_address(target.address).version
        except ValueError as error:
            raise SshError(CONNECT, f"its address {target.address!r} is not one") from error
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        try:
            return await _connected(family, target)
        except ConnectionRefusedError as error:
            raise SshError(CONNECT, f"port {target.port} refused the connection") from error
        except asyncio.TimeoutError:
            raise
        except OSError as error:
            why = error.strerror or str(error)
            raise SshError(CONNECT, f"port {target.port} cannot be reached: {why}") from error


async def _connected(family: int, target: Target) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(opened, (target.address, target.port))
    except BaseException:
        opened.close()
        raise
    return opened


class PortForward:
    """Through the API: a websocket of virt-api, which connects to the machine from inside the cluster.

    Each connection asks virt-api to read the machine's instance once, and KubeVirt lets each of its replicas read five
    objects a second unless told otherwise.
    """

    def __init__(self, api: BulkClient) -> None:
        self._api = api
        self._pumps: set[asyncio.Task[None]] = set()

    async def open(self, target: Target) -> socket.socket:
        """Open a websocket and return the near end of a pair of sockets whose far end it feeds."""
        try:
            websocket = await self._api.websocket(self.path(target), [_PROTOCOL])
        except KubeError as error:
            why = f"the API did not forward port {target.port}: {str(error).rstrip('.')}"
            raise SshError(CONNECT, why, of_machine=error.status in _OF_MACHINE) from error
        near, far = socket.socketpair()
        near.setblocking(False)
        far.setblocking(False)
        pump = asyncio.create_task(_pump(websocket, far))
        self._pumps.add(pump)
        pump.add_done_callback(self._pumps.discard)
        return near

    async def why_refused(self, target: Target) -> str | None:
        """Return virt-api's own words for why it does not forward, which a refused websocket does not carry.

        None when it gives no reason: a plain request for a port that answers is only told to use a websocket.
        """
        try:
            async with self._api.stream(self.path(target), {}, 10.0):
                return None
        except KubeError as error:
            return None if error.status in (0, 400) else str(error).rstrip(".")

    async def close(self) -> None:
        """End what is still open."""
        for pump in tuple(self._pumps):
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    @staticmethod
    def path(target: Target) -> str:
        """Return the path of the subresource."""
        machine = f"namespaces/{target.namespace}/virtualmachineinstances/{target.name}"
        return f"/apis/subresources.kubevirt.io/v1/{machine}/portforward/{target.port}/tcp"


async def _pump(websocket: t.Any, far: socket.socket) -> None:
    """Carry bytes both ways until either side ends, then end both."""
    sides = [asyncio.create_task(_to_websocket(far, websocket)), asyncio.create_task(_to_socket(websocket, far))]
    try:
        await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for side in sides:
            side.cancel()
        await asyncio.gather(*sides, return_exceptions=True)
        far.close()
        with contextlib.suppress(Exception):
            await websocket.close()


async def _to_websocket(far: socket.socket, websocket: t.Any) -> None:
    loop = asyncio.get_running_loop()
    while chunk := await loop.sock_recv(far, _CHUNK):
        await websocket.send_bytes(chunk)


async def _to_socket(websocket: t.Any, far: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    async for message in websocket:
        if isinstance(message.data, bytes):
            await loop.sock_sendall(far, message.data)
