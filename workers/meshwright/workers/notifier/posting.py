"""One call of one endpoint.

Problem: an endpoint may answer late, without end, or with a way to another place. Invariant: a call ends within its
time-out, goes to an address that the guard has checked, follows no redirect, keeps nothing of the answer but its
status, and whatever goes wrong is an `Outcome` in words for people.
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
"""calls of one endpoint at the same time"""
_READ_AWAY = 64 * 1024
"""bytes of an answer that are read to keep the connection; for more it is given up"""
_GONE = 410
_ASKING_FOR_TIME = (429, 503)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a call: the HTTP status if there was one, and how long the endpoint wants to be left alone."""

    status: int | None = None
    detail: str = ""
    retry_after: float = 0.0

    @property
    def delivered(self) -> bool:
        """Whether the endpoint took it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Whether the endpoint wants nothing any more."""
        return self.status == _GONE


class Poster:
    """Calls endpoints; `client` gives each webhook connections of its own."""

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
        """Deliver one event. `attempt` counts from 1; each takes the next of the endpoint's addresses."""
        try:
            body = cloud_events.structured(event)
            headers = self._headers(workspace, written, event, body)
            async with asyncio.timeout(self._timeout):
                target = ssrf.parse(written.document.url, self._policy)
                addresses = await ssrf.admit(target, self._policy, self._resolver)
                url = target.at(addresses[(attempt - 1) % len(addresses)])
                return await _call(client, url, target, headers, body)
        except TimeoutError:
            return Outcome(detail=f"no answer within {self._timeout:g} s")
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
        # The sequence is the same for every try and replay, so a receiver knows a repetition by this id.
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
            if size > _READ_AWAY:
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
