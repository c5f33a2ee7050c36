"""The REST API as the command line uses it.

Problem: networks fail between a request and its answer. Invariant: every write carries an Idempotency-Key and is
repeated with the same key after a broken connection, so it happens once; every answer that is not a success
becomes a `Refused` with the server's own words, and silence becomes `Unreachable`.
"""

import contextlib
import secrets
import time
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Any

import httpx
import msgspec

from meshwright.ui_api.cli import sse
from meshwright.ui_api.cli.contexts import Target
from meshwright.ui_api.cli.exits import Refused, Unreachable

_PAUSES = (0.2, 0.8)
"""seconds before the second and the third try of a request whose connection broke"""
_QUIET = 45.0
"""seconds of silence after which an event stream is taken for dead; the server pings every 15"""
PAGE = 200
Params = Mapping[str, Any]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A success: the decoded body and the headers that matter."""

    status: int
    data: Any
    etag: str = ""
    seq: int = 0
    """stream sequence of a write, to wait for in a later read"""


class Api:
    """One server, one identity, one workspace; close it."""

    def __init__(self, target: Target, *, timeout: float = 30.0, pauses: tuple[float, ...] = _PAUSES) -> None:
        self.target = target
        self.age = 0.0
        """of the oldest views that were read, in seconds"""
        self._pauses = pauses
        headers = {"accept": "application/json", "user-agent": f"meshwright-cli/{metadata.version('meshwright')}"}
        if target.workspace:  # otherwise the server takes the token's own
            headers["meshwright-workspace"] = target.workspace
        if target.token:
            headers["authorization"] = f"Bearer {target.token}"
        self._client = httpx.Client(base_url=target.api_url, headers=headers, timeout=timeout, trust_env=True)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def get(self, path: str, params: Params | None = None) -> Any:
        """The decoded body. Raises Refused, Unreachable."""
        return self.request("GET", path, params=params).data

    def list(self, path: str, params: Params | None = None, *, limit: int) -> tuple[list[Any], bool]:
        """At most `limit` items over as many pages as needed, and whether there are more.

        Raises Refused, Unreachable.
        """
        items: list[Any] = []
        token = ""
        while True:
            size = min(PAGE, limit - len(items))
            page = self.get(path, {**(params or {}), "page_size": size, "page_token": token or None})
            items += page["items"]
            token = page.get("next_page_token") or ""
            if not token or len(items) >= limit:
                return items[:limit], bool(token) or len(items) > limit

    def whole(self, path: str) -> Any:
        """All items of a list that has one page only. Raises Refused, Unreachable."""
        return self.get(path)["items"]

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        accept_errors: bool = False,
    ) -> Answer:
        """Send a request, again with the same Idempotency-Key when the connection broke.

        With `accept_errors` an answer of any status is returned. Raises Refused, Unreachable.
        """
        sent = dict(headers or {})
        content = None
        if body is not None:
            content = msgspec.json.encode(body)
            sent["content-type"] = "application/json"
        if method != "GET":
            sent["idempotency-key"] = f'"{secrets.token_hex(16)}"'
        response = self._send(method, path, content, _given(params), sent)
        self.age = max(self.age, _age(response))
        if response.status_code >= 400 and not accept_errors:
            raise Refused(_problem(response))
        return Answer(
            status=response.status_code,
            data=_decoded(response),
            etag=response.headers.get("etag", "").strip('"'),
            seq=int(response.headers.get("meshwright-seq") or 0),
        )

    def _send(
        self, method: str, path: str, content: bytes | None, params: dict[str, Any], headers: dict[str, str]
    ) -> httpx.Response:
        for pause in (*self._pauses, None):
            try:
                return self._client.request(method, path, content=content, params=params, headers=headers)
            except httpx.TransportError as error:
                if pause is None or isinstance(error, httpx.TimeoutException | httpx.UnsupportedProtocol):
                    raise Unreachable(self.target.api_url, _why(error)) from error
                time.sleep(pause)
            except httpx.InvalidURL as error:
                raise Unreachable(self.target.api_url, _why(error)) from error
        raise AssertionError("the last try returns or raises")

    @contextlib.contextmanager
    def stream(
        self, path: str, params: Params | None = None, *, last_id: str = "", quiet: float = _QUIET
    ) -> Iterator[Iterator[sse.Frame]]:
        """An open event stream: the subscription stands when the `with` is entered.

        `quiet` seconds without a byte end it. Raises Refused, Unreachable, also while it is read.
        """
        headers = {"accept": "text/event-stream"}
        if last_id:
            headers["last-event-id"] = last_id
        timeout = httpx.Timeout(30.0, read=quiet)
        try:
            with self._client.stream("GET", path, params=_given(params), headers=headers, timeout=timeout) as response:
                if response.status_code >= 400:
                    response.read()
                    raise Refused(_problem(response))
                yield sse.frames(response.iter_lines())
        except httpx.TransportError as error:
            raise Unreachable(self.target.api_url, _why(error)) from error


def _given(params: Params | None) -> dict[str, Any]:
    return {name: value for name, value in (params or {}).items() if value is not None and value != ""}


def _decoded(response: httpx.Response) -> Any:
    if not response.content:
        return None
    try:
        return msgspec.json.decode(response.content)
    except msgspec.DecodeError:
        return response.text


def _age(response: httpx.Response) -> float:
    """How old the views were that this answer was read from."""
    try:
        return float(response.headers.get("meshwright-age", 0))
    except ValueError:
        return 0.0  # the server does not know yet


def _problem(response: httpx.Response) -> dict[str, Any]:
    """The problem document of a refusal, made up from the status when something else answered (a proxy)."""
    found = _decoded(response)
    if isinstance(found, dict) and "title" in found:
        return {"status": response.status_code, **found}
    text = str(found or "")[:500]
    title = f"HTTP {response.status_code} {response.reason_phrase}".strip()
    return {"type": "about:blank", "title": title, "status": response.status_code, "detail": text}


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__
