"""Listeners whose port is in use: reported with the port and its process, and retried when it is free.

Problem: Envoy rejects a listener that it cannot bind once and never retries, and does not report which process has the
port. Invariant: a proxy counts as blocked only when ports in use are the only problem of its configuration.
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
    """An address that Envoy could not bind."""

    host: str
    port: int


def taken(error: str) -> list[Taken]:
    """The addresses that Envoy could not bind, from its error; empty when the error has any other cause."""
    matches = [_LINE.fullmatch(line) for line in error.splitlines() if line.strip()]
    places = [Taken(each["host"].strip("[]"), int(each["port"])) for each in matches if each]
    return places if len(places) == len(matches) else []


def holders(places: Collection[Taken]) -> dict[int, str]:
    """The processes that hold the ports that are in use on this host now; a port that is free, or not of this host, has
    no entry.

    Reads /proc, which takes milliseconds; run it in a thread.
    """
    return {each.port: listeners.held_by(each.port) or SOMEBODY for each in places if _is_taken(each)}


def named(places: Collection[Taken]) -> dict[int, str]:
    """The processes that listen on these ports now; run it in a thread."""
    return {each.port: listeners.held_by(each.port) or SOMEBODY for each in places}


def words(places: Collection[Taken], known: Mapping[int, str]) -> str:
    """A readable message: which ports, which processes, and what happens next."""
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
