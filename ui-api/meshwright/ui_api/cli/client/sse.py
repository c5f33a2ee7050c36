"""A parser of server-sent events (WHATWG), from an iterator of lines.

Invariant: a frame is returned only once its blank line has arrived, so a broken connection never yields half an event;
comments are returned as frames of kind `ping`, so that the reader's time-out is reset.
"""

from collections.abc import Iterable, Iterator

import msgspec

PING = "ping"


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """One dispatched event; `id` is the stream sequence to resume behind."""

    kind: str = "message"
    id: str = ""
    data: str = ""


def lines(chunks: Iterable[str]) -> Iterator[str]:
    """The lines of a text that arrives in pieces. Only CR, LF and CRLF end a line: other line separators of Unicode,
    as U+2028, may occur in the data.
    """
    rest = ""
    for chunk in chunks:
        rest += chunk
        held = rest.endswith("\r")  # its LF may be in the next piece
        *whole, last = (rest[:-1] if held else rest).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        rest = last + "\r" * held
        yield from whole
    yield from rest.removesuffix("\r").split("\n") if rest else ()


def frames(lines: Iterable[str]) -> Iterator[Frame]:
    """The frames of a stream of lines; an incomplete one at the end is dropped."""
    kind, identity = "", ""
    data: list[str] = []
    for line in lines:
        if not line:
            if data or kind:
                yield Frame(kind=kind or "message", id=identity, data="\n".join(data))
            elif identity:  # the position of the stream before its first event
                yield Frame(kind=PING, id=identity)
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
