"""The NATS client with header parsing that does not cost more than everything else.

Problem: nats-py looks at every character of every header name; with the nine headers of a CloudEvent that is
half of a reader's CPU. Invariant: the same headers come out as from the client's own parser.
"""

import functools

from nats.aio.client import Client


@functools.lru_cache(maxsize=1024)
def _name(raw: bytes) -> str | None:
    """A header's name, or None when it is none (not ASCII, or with space inside)."""
    name = raw.strip()
    if not name.isascii() or any(character.isspace() for character in name.decode()):
        return None
    return name.decode()


class LeanClient(Client):
    """nats-py's client; what differs is speed alone."""

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        found = {}
        for line in raw.split(b"\r\n"):
            start, colon, value = line.partition(b":")
            if colon and (name := _name(start)) is not None:
                found[name] = value.strip().decode("utf-8", "replace")
        return found
