"""Learning that something has changed, by the event stream.

Problem: a list is read in a moment, and changes come in bursts. Invariant: a change after the first
reading leads to a reading after it; several changes lead to one.
"""

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from meshwright.ui_api.cli.client import following, paths
from meshwright.ui_api.cli.client.session import Session
from meshwright.ui_api.cli.exits import CommandFailed

_BURST = 0.3
"""seconds in which changes are taken together"""
_POLL = 2.0
"""seconds between two readings of what has no events"""
_LONGEST = 3600.0


def changes(session: Session, entities: Sequence[str], *, deadline: float | None = None) -> Iterator[int]:
    """The id of the newest event about these entities, each time that something has changed; 0 where it is unknown.

    The first comes at once. Without entities it is a clock. It ends at the deadline, by the monotonic clock. Raises
    RequestRefused, Unreachable.
    """
    if not entities:
        while _left(deadline) > 0:
            yield 0
            time.sleep(min(_POLL, max(0.0, _left(deadline))))
        return
    newest, _ = session.api.list(paths.EVENTS, limit=1)
    since = int(newest[0]["id"]) if newest else 0
    yield 0
    news: queue.Queue[int | CommandFailed] = queue.Queue(1000)
    parameters: dict[str, Any] = {"entity": list(entities)}
    threading.Thread(target=_read, args=(session, parameters, str(since), news), daemon=True).start()
    while True:
        try:
            last = news.get(timeout=max(0.0, min(_left(deadline), _LONGEST)))
        except queue.Empty:
            if _left(deadline) <= 0:
                return
            continue
        time.sleep(_BURST)
        while not news.empty() and not isinstance(last, CommandFailed):
            last = news.get()
        if isinstance(last, CommandFailed):
            raise last
        yield last


def _left(deadline: float | None) -> float:
    return _LONGEST if deadline is None else deadline - time.monotonic()


def _read(session: Session, parameters: dict[str, Any], since: str, news: "queue.Queue[int | CommandFailed]") -> None:
    try:
        for event in following.events(session, parameters, since, lambda reset: news.put(int(reset["id"]))):
            news.put(int(event["id"]))
    except CommandFailed as failure:
        news.put(failure)
    except RuntimeError:  # the session was closed meanwhile
        return
