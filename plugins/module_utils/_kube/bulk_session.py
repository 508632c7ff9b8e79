# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The connection settings of the ``kubernetes`` package, for aiohttp: URL, certificates, headers and proxy."""

from __future__ import annotations

import ssl
import typing as t
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError

CONNECT_TIMEOUT_S = 10.0


def import_aiohttp() -> t.Any:
    """Return the package aiohttp.

    :raises TuningError: where it is missing.
    """
    try:
        import aiohttp
    except ImportError as error:
        raise TuningError(f"The Python package aiohttp is missing on this host ({error}); install it.") from error
    return aiohttp


class BulkSession:
    """One aiohttp session to one cluster; adds to each request what every request needs."""

    def __init__(self, settings: t.Any) -> None:
        """Open the session; needs a running event loop.

        :param settings: a ``kubernetes.client.Configuration``.
        :raises TuningError: for certificates that cannot be read, or a proxy that aiohttp does not speak to.
        """
        aiohttp = import_aiohttp()
        self.host = str(settings.host).rstrip("/")
        self._settings = settings
        self.proxy = _proxy(settings)
        self._options: dict[str, t.Any] = {}
        if self.host.startswith("https:"):
            self._options["ssl"] = _tls(settings)
            if getattr(settings, "tls_server_name", None):
                self._options["server_hostname"] = settings.tls_server_name
        if self.proxy:
            self._options["proxy"] = self.proxy
        # The client bounds itself; a limit here would let watches starve requests.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
            auto_decompress=True,
        )

    def request(self, method: str, path: str, headers: t.Mapping[str, str], **options: t.Any) -> t.Any:
        """Return aiohttp's context manager of one request."""
        sent = {**self._auth_headers(), **headers}
        return self._session.request(method, self.host + path, headers=sent, **self._options, **options)

    def websocket(self, path: str, protocols: t.Sequence[str], **options: t.Any) -> t.Any:
        """Return aiohttp's context manager of one websocket."""
        url = "ws" + self.host[len("http") :] + path
        headers = self._auth_headers()
        return self._session.ws_connect(url, protocols=tuple(protocols), headers=headers, **self._options, **options)

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    def _auth_headers(self) -> dict[str, str]:
        """Return the token, renewed by the kubeconfig's own program where it has run out."""
        return {entry["key"]: entry["value"] for entry in self._settings.auth_settings().values()}


def _tls(settings: t.Any) -> ssl.SSLContext:
    """Return how the server proves itself and how we do, by the rules of urllib3 in the ``kubernetes`` package."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if not settings.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif settings.ssl_ca_cert or getattr(settings, "ca_cert_data", None):
            context.load_verify_locations(settings.ssl_ca_cert, cadata=getattr(settings, "ca_cert_data", None))
        else:
            context.load_default_certs()
        if getattr(settings, "assert_hostname", None) is False:
            context.check_hostname = False
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file)
    except (OSError, ssl.SSLError) as error:
        raise TuningError(f"The certificates for {settings.host} cannot be used: {error}.") from error
    return context


def _proxy(settings: t.Any) -> str | None:
    """Return the proxy on the way to the server, None where there is none or the server is excepted from it."""
    proxy = getattr(settings, "proxy", None)
    if not proxy:
        return None
    if proxy_bypass_environment(urlsplit(settings.host).netloc, {"no": getattr(settings, "no_proxy", None) or ""}):
        return None
    if not str(proxy).startswith(("http://", "https://")):
        raise TuningError(f"The proxy {proxy} cannot be used: only HTTP proxies are, not SOCKS.")
    return str(proxy)
