"""Limits of open event streams.

Invariant: a token has fewer than its workspace, a workspace fewer than the process, and the process fewer than its
connections: a client at its limit leaves room for others at each of these levels.
"""

from collections.abc import Collection

import msgspec

from meshwright.ui_api.http.problems import Refusal
from meshwright.ui_api.live.streaming import Client

_AGAIN_S = 10
"""seconds after which a client may retry"""


class StreamQuota(msgspec.Struct, frozen=True, kw_only=True):
    """The maximum numbers of concurrently open event streams."""

    per_token: int = 50
    per_workspace: int = 100
    all: int = 5000

    def check(self, clients: Collection[Client], token: str, workspace: str) -> None:
        """Raises Refusal `too-many-requests` when one more would exceed a limit."""
        own = sum(one.token == token for one in clients)
        if own >= self.per_token:
            raise _full(f"this token has {own} event streams open, its sessions included, which is the limit", "TOKEN")
        beside = sum(one.wanted.workspace == workspace for one in clients)
        if beside >= self.per_workspace:
            raise _full(f"workspace {workspace} has {beside} event streams open, which is the limit", "WORKSPACE")
        if len(clients) >= self.all:
            raise _full(f"{len(clients)} event streams are open, which is this server's limit", "")


def _full(detail: str, whose: str) -> Refusal:
    variable = f"MESHWRIGHT_EVENT_STREAMS_PER_{whose}" if whose else "MESHWRIGHT_EVENT_STREAMS"
    return Refusal(
        "too-many-requests",
        detail,
        remedy=f"Close some, or let readers share one. An operator of this server may allow more ({variable}).",
        headers={"Retry-After": str(_AGAIN_S)},
    )
