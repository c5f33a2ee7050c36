"""Requests to the server of a connection: a Prometheus, a Consul, a control plane of Kuma.

Problem: a person's URL is requested from this worker's place in the network, with a person's credentials. Invariant:
each name is resolved and checked again for every connection that is made, redirects are not followed, an answer is
bounded in time and size, and no error shows a credential.
"""

import asyncio
import socket
import ssl
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from meshwright.core.operations.outcomes import Reject, Retry
from meshwright.core.security import ssrf
from meshwright.schemas.connections import Server, Tls
from meshwright.schemas.errors import Failure

TIMEOUT = 20.0
LARGEST = 32 * 1024 * 1024
"""bytes of an answer"""
_AGAIN_S = 10.0
_AT_ONCE = 8
_SET = "Set the connection anew with `meshwright connections set`."


class ServerUnavailable(Retry):
    """It cannot be reached, or it cannot answer now."""

    def __init__(
        self, what: str, remedy: str = "See whether the server runs and whether this worker reaches it."
    ) -> None:
        super().__init__(_AGAIN_S, Failure(code="MW5301", what=what, remedy=remedy, retryable=True))


class ServerRefuses(Reject):
    """It answers, and does not do what was asked."""

    code: ClassVar[str] = "MW5302"

    def __init__(self, what: str, remedy: str = "", status: int = 0) -> None:
        super().__init__(Failure(code=self.code, what=what, remedy=remedy))
        self.status = status


class ServerClient:
    """Use as `async with await connect(settings, policy) as client:`."""

    def __init__(
        self, settings: Server, policy: ssrf.Policy, context: ssl.SSLContext, headers: Mapping[str, str]
    ) -> None:
        self._url = settings.url.rstrip("/")
        self._server_name = settings.tls.server_name or None
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, resolver=_Resolver(policy), limit=_AT_ONCE),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT),
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all connections."""
        await self._session.close()

    async def request(self, method: str, path: str, *, also: Collection[int] = (), **more: Any) -> tuple[int, bytes]:
        """The status and content of an answer below 500 other than 401, 403, 429 and redirects, or one of `also`.

        Raises ServerUnavailable, ServerRefuses.
        """
        try:
            async with self._session.request(
                method, self._url + path, allow_redirects=False, server_hostname=self._server_name, **more
            ) as response:
                content = await _bounded(response)
        except ssrf.Forbidden as error:
            raise ServerRefuses(f"{self._url} is refused: {error}", _SET) from error
        except TimeoutError as error:
            raise ServerUnavailable(f"{self._url} did not answer within {TIMEOUT:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ServerUnavailable(f"{self._url} cannot be reached: {error}") from error
        if response.status not in also:
            self._check(response.status)
        return response.status, content

    def _check(self, status: int) -> None:
        if status in (401, 403):
            raise ServerRefuses(f"{self._url} refuses these credentials (status {status})", _SET, status)
        if 300 <= status < 400:
            raise ServerRefuses(f"{self._url} answers with a redirect, which is not followed", _SET, status)
        if status == 429 or status >= 500:
            raise ServerUnavailable(f"{self._url} cannot answer now (status {status})")


async def connect(settings: Server, policy: ssrf.Policy, headers: Mapping[str, str] | None = None) -> ServerClient:
    """A client of the server of these settings; `headers` go with every request. Raises ServerRefuses."""
    try:
        ssrf.parse(settings.url, policy)
        context = await asyncio.to_thread(tls_context, settings.tls)
    except ssrf.Forbidden as error:
        raise ServerRefuses(f"the URL of the connection is refused: {error}", _SET) from error
    except (ssl.SSLError, ValueError, OSError) as error:
        raise ServerRefuses(f"the certificates of the connection cannot be used: {error}", _SET) from error
    return ServerClient(settings, policy, context, headers or {})


def tls_context(tls: Tls) -> ssl.SSLContext:
    """How a server proves itself, and we ourselves to it. Raises ssl.SSLError, ValueError."""
    context = ssl.create_default_context(cadata=tls.ca or None)
    if tls.certificate:
        with tempfile.TemporaryDirectory(prefix="meshwright-") as folder:  # the only way that `ssl` has
            pair = Path(folder) / "pair.pem"
            pair.touch(mode=0o600)
            pair.write_text(f"{tls.certificate.rstrip()}\n{tls.key}")
            context.load_cert_chain(pair)
    return context


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for part in response.content.iter_chunked(64 * 1024):
        content += part
        if len(content) > LARGEST:
            raise ServerRefuses(f"the answer is larger than {LARGEST >> 20} MiB", status=response.status)
    return bytes(content)


class _Resolver(AbstractResolver):
    """Gives addresses that were checked, to which the connection then goes."""

    def __init__(self, policy: ssrf.Policy) -> None:
        self._policy = policy

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        """The addresses of a name. Raises Forbidden, OSError."""
        target = ssrf.Target(scheme="http", host=host.lower(), port=port, path="/")
        addresses = await ssrf.admit(target, self._policy, ssrf.system_resolver)
        return [_resolved(host, port, address) for address in addresses]

    async def close(self) -> None:
        """Nothing is held."""


def _resolved(host: str, port: int, address: ssrf.Address) -> ResolveResult:
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    return ResolveResult(hostname=host, host=str(address), port=port, family=family, proto=0, flags=0)
