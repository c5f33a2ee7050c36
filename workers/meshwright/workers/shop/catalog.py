"""The shop's data: workloads, the paths of each, and the ports where each process listens.

Invariant: this is data; the server executes it, the launcher enrols it, and both read the same names.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from meshwright.schemas.base import Model, Name, Port


class Call(Model, frozen=True):
    """One request to another service; when a `required` one fails, the caller fails too."""

    service: str
    path: str
    required: bool = True


class ServiceVersion(Model, frozen=True, kw_only=True):
    """One version of one service: the time of its own work (ms) and the services that it calls, by path."""

    service: Name
    version: Name = "v1"
    work: float
    paths: Mapping[str, tuple[Call, ...]]

    @property
    def name(self) -> str:
        """The workload's name."""
        return f"{self.service}-{self.version}" if self.service == "reviews" else self.service


_RATED = {"/reviews": (Call("ratings", "/ratings", required=False),)}

SHOPPER = ServiceVersion(service="shopper", work=0.5, paths={"/": ()})
KEEPERS: tuple[ServiceVersion, ...] = (
    SHOPPER,
    ServiceVersion(
        service="front",
        work=2,
        paths={
            "/": (Call("catalog", "/products"), Call("reviews", "/reviews", required=False)),
            "/checkout": (Call("checkout", "/checkout"),),
        },
    ),
    ServiceVersion(service="catalog", work=3, paths={"/products": ()}),
    ServiceVersion(service="cart", work=2, paths={"/cart": (Call("catalog", "/products"),)}),
    ServiceVersion(
        service="checkout",
        work=4,
        paths={"/checkout": (Call("cart", "/cart"), Call("payments", "/pay"))},
    ),
    ServiceVersion(service="payments", work=12, paths={"/pay": ()}),
    ServiceVersion(service="reviews", version="v1", work=4, paths={"/reviews": ()}),
    ServiceVersion(service="reviews", version="v2", work=5, paths=_RATED),
    ServiceVersion(service="reviews", version="v3", work=6, paths=_RATED),
    ServiceVersion(service="ratings", work=2, paths={"/ratings": ()}),
)


class Place(Model, frozen=True, kw_only=True):
    """The port of a workload, and of its sidecar for outbound requests; None until it is enrolled."""

    port: Port
    outbound: Port | None = None


class Layout(Model, frozen=True, kw_only=True):
    """The file that the launcher writes and the shop reads again whenever it changes."""

    places: dict[str, Place]
    requests_per_second: float = 3.0


class LayoutFile:
    """The newest layout; while the file is incomplete or missing, the last valid one."""

    def __init__(self, path: Path) -> None:
        """Raises OSError or msgspec.DecodeError when there is no valid layout at the start."""
        self._path = path
        self._stamp = path.stat().st_mtime_ns
        self._layout = msgspec.json.decode(path.read_bytes(), type=Layout)

    def now(self) -> Layout:
        """The current layout; costs one `stat`."""
        try:
            stamp = self._path.stat().st_mtime_ns
            if stamp != self._stamp:
                self._layout = msgspec.json.decode(self._path.read_bytes(), type=Layout)
                self._stamp = stamp
        except (OSError, msgspec.DecodeError):
            return self._layout
        return self._layout
