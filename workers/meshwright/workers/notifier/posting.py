"""One call of one endpoint.

Problem: an endpoint may answer late, without end, or with a redirect. Invariant: a call ends within its time-out, goes
to an address that the guard has checked, follows no redirect, keeps only the status of the response, and every failure
becomes an `Outcome` with a readable reason.
"""

import asyncio
import datetime
import email.utils
import ssl
import time

import httpx
import msgspec

from meshwright.core import bus as mwbus
from meshwright.core.security import sealing, signatures, ssrf
from meshwright.schemas.webhooks import WebhookWritten
from meshwright.workers.notifier import cloud_events

WIDTH = 8
"""concurrent calls of one endpoint"""
_DRAIN_BYTES = 64 * 1024
"""bytes of a response that are read to keep the connection open; after more it is closed"""
_GONE = 410
_ASKING_FOR_TIME = (429, 503)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a call: the HTTP status if there was one, and the endpoint's Retry-After."""

    status: int | None = None
    detail: str = ""
    retry_after: float = 0.0

    @property
    def delivered(self) -> bool:
        """Whether the endpoint accepted it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Whether the endpoint answered 410 Gone."""
        return self.status == _GONE


class Poster:
    """Calls endpoints; `client` returns a separate connection pool per webhook."""

    def __init__(self, sealer: sealing.Sealer, policy: ssrf.Policy, resolver: ssrf.Resolver, timeout: float) -> None:
        self._sealer = sealer
        self._policy = policy
        self._resolver = resolver
        self._timeout = timeout
        self._tls = ssl.create_default_context()

    def client(self) -> httpx.AsyncClient:
        """Connections for one webhook: two names at one address never share one, nor does a proxy see any."""
        return httpx.AsyncClient(
            verify=self._tls,
            trust_env=False,
            follow_redirects=False,
            timeout=self._timeout,
            limits=httpx.Limits(max_connections=WIDTH, max_keepalive_connections=WIDTH),
        )

    async def post(
        self, client: httpx.AsyncClient, workspace: str, written: WebhookWritten, event: mwbus.Received, attempt: int
    ) -> Outcome:
        """Deliver one event. `attempt` counts from 1; each uses the next of the endpoint's addresses."""
        try:
            body = cloud_events.structured(event)
            headers = self._headers(workspace, written, event, body)
            async with asyncio.timeout(self._timeout):
                target = ssrf.parse(written.document.url, self._policy)
                addresses = await ssrf.admit(target, self._policy, self._resolver)
                url = target.at(addresses[(attempt - 1) % len(addresses)])
                return await _call(client, url, target, headers, body)
        except TimeoutError:
            return Outcome(detail=f"no response within {self._timeout:g} s")
        except (ssrf.Forbidden, sealing.CannotOpen, mwbus.InvalidEnvelope) as error:
            return Outcome(detail=str(error))
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Outcome(detail=f"{type(error).__name__}: {error}"[:300])

    def _headers(self, workspace: str, written: WebhookWritten, event: mwbus.Received, body: bytes) -> dict[str, str]:
        """Raises CannotOpen."""
        sealed = [written.secret]
        if written.previous and written.previous_until and written.previous_until > datetime.datetime.now(datetime.UTC):
            sealed.append(written.previous)
        keys = [signatures.unseal(self._sealer, one, workspace, written.document.id) for one in sealed]
        # The sequence is the same for every attempt and replay, so a receiver recognises a repetition by this id.
        return {
            "Content-Type": cloud_events.MEDIA_TYPE,
            "User-Agent": "Meshwright-Webhooks",
            **signatures.headers(keys, f"evt_{event.seq}", int(time.time()), body),
        }


async def _call(
    client: httpx.AsyncClient, url: str, target: ssrf.Target, headers: dict[str, str], body: bytes
) -> Outcome:
    """Raises httpx.HTTPError, httpx.InvalidURL."""
    extensions = {"sni_hostname": target.host} if target.scheme == "https" else {}
    request = client.stream(
        "POST", url, content=body, headers={"Host": target.authority, **headers}, extensions=extensions
    )
    async with request as response:
        size = 0
        async for chunk in response.aiter_raw():
            size += len(chunk)
            if size > _DRAIN_BYTES:
                break
        return _outcome(response)


def _outcome(response: httpx.Response) -> Outcome:
    status = response.status_code
    retry_after = _seconds(response.headers.get("retry-after", "")) if status in _ASKING_FOR_TIME else 0.0
    detail = "" if 200 <= status < 300 else f"the endpoint answered {status} {response.reason_phrase}".strip()
    if 300 <= status < 400:
        detail += "; redirects are not followed"
    return Outcome(status=status, detail=detail, retry_after=retry_after)


def _seconds(text: str) -> float:
    """A Retry-After header: seconds, or a date (RFC 9110); 0 when it is neither."""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        then = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    if then.tzinfo is None:
        then = then.replace(tzinfo=datetime.UTC)
    return max(0.0, (then - datetime.datetime.now(datetime.UTC)).total_seconds())
