"""Server-sent events as the WHATWG grammar reads them, from an iterator of lines.

Invariant: a frame is given only when its blank line has come, so a connection cut in the middle never yields
half an event; comments come through as frames of kind `ping`, so that the reader's clock keeps going.
"""

from collections.abc import Iterable, Iterator

import msgspec

PING = "ping"


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """One dispatched event; `id` is the stream sequence to resume behind."""

    kind: str = "message"
    id: str = ""
    data: str = ""


def frames(lines: Iterable[str]) -> Iterator[Frame]:
    """The frames of a stream of lines; an unfinished one at the end is dropped."""
    kind, identity = "", ""
    data: list[str] = []
    for line in lines:
        if not line:
            if data or kind:
                yield Frame(kind=kind or "message", id=identity, data="\n".join(data))
            kind, identity, data = "", "", []
            continue
        if line.startswith(":"):
            yield Frame(kind=PING)
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "event":
            kind = value
        elif field == "id" and "\0" not in value:
            identity = value
