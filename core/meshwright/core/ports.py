"""Free loopback ports, chosen once and remembered by whoever asked.

Problem: a port that is free now may be taken a moment later, and one that was chosen must stay the same over
restarts. Invariant: a port handed out was bindable at that moment and is not one of `taken`; candidates start
at a preferred number below the kernel's ephemeral range, so that no outgoing connection takes it meanwhile.
"""

import contextlib
import random
import socket
from collections.abc import Collection, Iterator

HIGHEST = 32_767  # Linux hands out 32768 and above to outgoing connections


def bindable(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        # As servers do: a port whose last connections are in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def choose(preferred: int, *, taken: Collection[int] = (), host: str = "127.0.0.1") -> int:
    """The first free port from `preferred` upwards that is not `taken`.

    Raises OSError when none is free below the ephemeral range.
    """
    return next(_candidates(preferred, taken, host))


def choose_many(count: int, preferred: int, *, taken: Collection[int] = (), host: str = "127.0.0.1") -> list[int]:
    """`count` different free ports from `preferred` upwards, none of them `taken`.

    Raises OSError when there are not that many below the ephemeral range.
    """
    candidates = _candidates(preferred, taken, host)
    return [next(candidates) for _ in range(count)]


def somewhere(host: str = "127.0.0.1") -> int:
    """A free port at random, so that processes that choose at the same moment hardly ever choose the same.

    Raises OSError when none is free below the ephemeral range.
    """
    return choose(random.randrange(12_000, 31_000), host=host)  # noqa: S311 - not a secret


def _candidates(preferred: int, taken: Collection[int], host: str) -> Iterator[int]:
    for port in range(preferred, HIGHEST + 1):
        if port not in taken and bindable(port, host):
            yield port
    raise OSError(f"no free port on {host} between {preferred} and {HIGHEST}")
