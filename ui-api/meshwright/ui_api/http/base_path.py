"""Serving below a path of a proxy, such as `https://tools.example/meshwright/`.

Invariant: the same routes are served whether the proxy removes the path or not, and addresses that are given to clients
(the dashboard's base, `Location`) contain it.
"""

import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from meshwright.schemas.base import whole
from meshwright.ui_api.http import problems
from meshwright.ui_api.http.refusals import Refusals

PATTERN = "(/[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,63}){0,8}/?"
HEADER = "X-Forwarded-Prefix"
_VALID = re.compile(whole(PATTERN))


class BasePath:
    """An ASGI application around another. `forwarded`: a proxy sets the path in a header, which then counts."""

    def __init__(self, app: ASGIApp, base_path: str, refusals: Refusals, *, forwarded: bool) -> None:
        self._app = app
        self._base_path = base_path.rstrip("/")
        self._refusals = refusals
        self._forwarded = forwarded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        base_path = self._base_path
        prefixes = [value for name, value in scope["headers"] if name == HEADER.lower().encode()]
        if self._forwarded and prefixes:
            base_path = b",".join(prefixes).decode("latin-1").rstrip("/")
        if not _VALID.match(base_path):
            refused = problems.invalid(f"{HEADER} must be one path, such as /meshwright", f"#/header/{HEADER}")
            self._refusals.tell(refused, route="none")
            await problems.answer(refused, scope["path"])(scope, receive, send)
            return

        async def located(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                if headers.get("location", "").startswith("/"):
                    headers["Location"] = base_path + headers["Location"]
            await send(message)

        path = scope["path"]
        if path != base_path and not path.startswith(f"{base_path}/"):
            scope["path"] = base_path + path  # the proxy has removed it
        scope["root_path"] = base_path
        await self._app(scope, receive, located)
