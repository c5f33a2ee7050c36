"""Listeners whose port somebody else holds: told by the port and its holder, and tried again when it is free.

Problem: Envoy refuses a listener that it cannot bind once and never tries again, and says nothing of who is there.
Invariant: a proxy counts as blocked only when nothing but taken ports stands against its configuration.
"""

import contextlib
import errno
import re
import socket
from collections.abc import Collection, Mapping
from typing import NamedTuple

from meshwright.core.kit.machine import listeners

_LINE = re.compile(r"(Error adding/updating listener\(s\) )?\S+: cannot bind '(?P<host>[^']+):(?P<port>\d+)': .+")
SOMEBODY = "another program"


class Taken(NamedTuple):
    """A place that a listener was refused."""

    host: str
    port: int


def taken(error: str) -> list[Taken]:
    """The places that Envoy could not bind, by its own words; none when it says anything else as well."""
    matches = [_LINE.fullmatch(line) for line in error.splitlines() if line.strip()]
    places = [Taken(each["host"].strip("[]"), int(each["port"])) for each in matches if each]
    return places if len(places) == len(matches) else []


def holders(places: Collection[Taken]) -> dict[int, str]:
    """Who holds the ports that are taken on this host now; a port that is free, or not of this host, has no entry.

    Looks through /proc, which takes milliseconds; for a thread.
    """
    return {each.port: listeners.held_by(each.port) or SOMEBODY for each in places if _is_taken(each)}


def named(places: Collection[Taken]) -> dict[int, str]:
    """Who listens at these ports now; for a thread."""
    return {each.port: listeners.held_by(each.port) or SOMEBODY for each in places}


def words(places: Collection[Taken], known: Mapping[int, str]) -> str:
    """For people: which ports, who has them, and what happens next."""
    held = " and ".join(f"port {each.port} is taken by {known.get(each.port, SOMEBODY)}" for each in places)
    return f"{held}: the sidecar cannot listen there. End that program; the sidecar then listens by itself"


def _is_taken(place: Taken) -> bool:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    with contextlib.closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Envoy does
        try:
            probe.bind(place)
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False
