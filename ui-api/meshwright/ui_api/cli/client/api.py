"""The client of the REST API.

Problem: networks fail between a request and its response. Invariant: a request takes effect at most once: an operation
carries an Idempotency-Key and is retried with the same key when the connection breaks, any other write only when it was
never sent. Every unsuccessful response becomes a `RequestRefused` with the server's message, no response `Unreachable`,
and a response of another program `NotMeshwright`.
"""

import contextlib
import secrets
import time
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Any

import httpx
import msgspec

from meshwright.schemas.errors import Problem
from meshwright.ui_api.cli.client import sse
from meshwright.ui_api.cli.client.contexts import Target
from meshwright.ui_api.cli.exits import CommandFailed, Exit, NotMeshwright, RequestRefused, Unreachable

_PAUSES = (0.2, 0.8)
"""seconds before the second and the third attempt of a request whose connection broke"""
_QUIET = 45.0
"""seconds of silence after which an event stream is considered dead; the server pings every 15"""
PAGE = 200
Params = Mapping[str, Any]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A successful response: the decoded body and the relevant headers."""

    status: int
    data: Any
    etag: str = ""
    version: int = 0
    """the number of this version, of a resource whose versions are counted"""
    seq: int = 0
    """stream sequence of a write, to wait for in a later read"""


class Api:
    """A client for one server, identity and workspace; it must be closed."""

    def __init__(self, target: Target, *, timeout: float = 30.0, pauses: tuple[float, ...] = _PAUSES) -> None:
        """Raises CommandFailed when the target cannot be used."""
        self.target = target
        self.age = 0.0
        """the age of the oldest views that were read, in seconds"""
        self._pauses = pauses
        headers = {"accept": "application/json", "user-agent": f"meshwright-cli/{metadata.version('meshwright')}"}
        if target.workspace:  # otherwise the server uses the token's own
            headers["meshwright-workspace"] = target.workspace
        if target.token:
            headers["authorization"] = f"Bearer {target.token}"
        for what, text in (("token", target.token), ("workspace", target.workspace)):
            if not (text.isascii() and text.isprintable()):  # the HTTP library would include it in its error message
                raise _unusable(target, f"its {what} is not one line of ASCII text")
        try:
            self._client = httpx.Client(base_url=target.api_url, headers=headers, timeout=timeout, trust_env=True)
        except (httpx.InvalidURL, ValueError, ImportError, OSError) as error:  # also for a proxy or certificates
            raise _unusable(target, _why(error)) from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str, params: Params | None = None, *, within: float | None = None) -> Any:
        """The decoded body; `within` overrides the time-out in seconds. Raises RequestRefused, Unreachable."""
        return self.request("GET", path, params=params, within=within).data

    def list(self, path: str, params: Params | None = None, *, limit: int) -> tuple[list[Any], bool]:
        """At most `limit` items over as many pages as needed, and whether there are more.

        Raises RequestRefused, Unreachable.
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
        """All items of a list that has one page only. Raises RequestRefused, Unreachable."""
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
        repeatable: bool = False,
        within: float | None = None,
    ) -> Answer:
        """Send a request, and retry with the same Idempotency-Key when the connection broke and it is `repeatable`.

        With `accept_errors` a response of any status is returned. Raises RequestRefused, Unreachable, NotMeshwright.
        """
        sent = dict(headers or {})
        content = None
        if body is not None:
            content = msgspec.json.encode(body)
            sent["content-type"] = "application/json"
        if method != "GET":
            sent["idempotency-key"] = f'"{secrets.token_hex(16)}"'
        response = self._send(method, path, content, _given(params), sent, repeatable or method == "GET", within)
        self.age = max(self.age, _age(response))
        if response.status_code >= 400 and not accept_errors:
            raise RequestRefused(_problem(response))
        if response.status_code < 400 and not (response.is_success and _is(response, "json")):
            raise NotMeshwright(self.target.api_url, _what(response))
        return Answer(
            status=response.status_code,
            data=_decoded(response),
            etag=response.headers.get("etag", "").strip('"'),
            version=int(response.headers.get("meshwright-version") or 0),
            seq=int(response.headers.get("meshwright-seq") or 0),
        )

    def page_status(self, path: str) -> int:
        """The status with which a page for browsers is answered. Raises Unreachable."""
        return self._send("GET", path, None, {}, {"accept": "text/html"}, True, None).status_code

    def _send(
        self,
        method: str,
        path: str,
        content: bytes | None,
        params: dict[str, Any],
        headers: dict[str, str],
        repeatable: bool,
        within: float | None,
    ) -> httpx.Response:
        more: dict[str, Any] = {} if within is None else {"timeout": within}
        for pause in (*self._pauses, None):
            try:
                return self._client.request(method, path, content=content, params=params, headers=headers, **more)
            except httpx.TransportError as error:
                if not (repeatable or isinstance(error, httpx.ConnectError | httpx.UnsupportedProtocol)):
                    why = f"{_why(error)}; whether it took effect is unknown"
                    raise Unreachable(self.target.api_url, why) from error
                if pause is None or isinstance(error, httpx.TimeoutException | httpx.UnsupportedProtocol):
                    raise Unreachable(self.target.api_url, _why(error)) from error
                time.sleep(pause)
            except (httpx.InvalidURL, UnicodeError) as error:  # not a valid host name
                raise Unreachable(self.target.api_url, _why(error)) from error
        raise AssertionError("the last try returns or raises")

    @contextlib.contextmanager
    def stream(
        self, path: str, params: Params | None = None, *, last_id: str = "", quiet: float = _QUIET
    ) -> Iterator[Iterator[sse.Frame]]:
        """An open event stream; the subscription is active when the `with` block starts.

        It ends after `quiet` seconds without a byte. Raises RequestRefused, Unreachable, also while it is read.
        """
        headers = {"accept": "text/event-stream"}
        if last_id:
            headers["last-event-id"] = last_id
        timeout = httpx.Timeout(30.0, read=quiet)
        try:
            with self._client.stream("GET", path, params=_given(params), headers=headers, timeout=timeout) as response:
                if response.status_code >= 400:
                    response.read()
                    raise RequestRefused(_problem(response))
                if not (response.is_success and _is(response, "event-stream")):
                    raise NotMeshwright(self.target.api_url, _what(response))
                yield sse.frames(sse.lines(response.iter_text()))
        except (httpx.TransportError, httpx.InvalidURL, UnicodeError) as error:
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
    """The age of the views of which this response was read."""
    try:
        return float(response.headers.get("meshwright-age", 0))
    except ValueError:
        return 0.0  # the server does not know it yet


def _problem(response: httpx.Response) -> dict[str, Any]:
    """The problem document of a refusal, built from the status when another program answered (a proxy)."""
    decoded = _decoded(response)
    if isinstance(decoded, dict) and "title" in decoded:
        problem = {"type": "about:blank", "status": response.status_code, **decoded}
        with contextlib.suppress(msgspec.ValidationError):  # not a problem document of Meshwright
            msgspec.convert(problem, Problem)
            return problem
    text = str(decoded or "")[:500]
    title = f"HTTP {response.status_code} {response.reason_phrase}".strip()
    return {"type": "about:blank", "title": title, "status": response.status_code, "detail": text}


def _is(response: httpx.Response, kind: str) -> bool:
    """Whether a response is what Meshwright would send: no content, or a body of that type."""
    return response.status_code == 204 or kind in response.headers.get("content-type", "")


def _what(response: httpx.Response) -> str:
    """A description of a response that is not Meshwright's."""
    where = response.headers.get("location")
    kind = response.headers.get("content-type", "no content type")
    return f"HTTP {response.status_code}, " + (f"it redirects to {where}" if where else kind)


def _unusable(target: Target, why: str) -> CommandFailed:
    return CommandFailed(
        f"context {target.name!r} cannot be used",
        code=Exit.USAGE,
        notes=(why,),
        remedy="`meshwright context show` shows where its parts come from.",
    )


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__
