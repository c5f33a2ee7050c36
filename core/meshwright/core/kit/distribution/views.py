"""What the control planes of a mesh tell of the proxies that are connected to them.

Invariant: positions of one replica can be compared as text, a later one is greater; those of two replicas cannot.
"""

from collections.abc import Mapping
from typing import Protocol

from meshwright.schemas.base import Model
from meshwright.schemas.references import ResourceRef


class Answer(Model, frozen=True, kw_only=True):
    """What a proxy has answered to one type of resource."""

    sent: str = ""
    """the position of what it was sent last; empty when nothing was sent"""
    acked: str = ""
    """the position of what it has taken last"""
    is_pending: bool = False
    """its answer to what it was sent last has not come, or was a refusal"""
    error: str = ""
    """its words, when its last answer was a refusal"""
    changes_by_itself: bool = False
    """it changes with the pods of the cluster, not only with what somebody has applied"""


class Proxy(Model, frozen=True, kw_only=True):
    """One connected proxy."""

    name: str
    """as people know it, as `namespace/pod`"""
    answers: dict[str, Answer]
    """by type of resource"""


class Work(Model, frozen=True, kw_only=True):
    """What a control plane has counted of its own work since it began."""

    received: int
    """changes of what people apply that it was told of"""
    rounds: int
    """times that it has queued all its proxies, to be sent what had changed"""
    looked: int
    """proxies that it has taken from that queue, whether there was something for them or not"""


class Replica(Model, frozen=True, kw_only=True):
    """One process of a control plane, with the proxies that are its own."""

    name: str
    proxies: list[Proxy] = []
    problem: str = ""
    """why it could not be asked"""
    gathers: float = 0.1
    """seconds for which it waits for further changes before it sends"""
    gathers_at_most: float = 10.0
    """and after which it sends although there are further ones"""
    work: Work | None = None
    """before it told of its proxies; None: it does not count it"""

    @property
    def position(self) -> str:
        """Of the newest that it has sent to any proxy, but for what changes by itself."""
        answers = (answer for proxy in self.proxies for answer in proxy.answers.values())
        return max((each.sent for each in answers if not each.changes_by_itself), default="")


class ControlPlanes(Protocol):
    """All replicas of the control planes of one mesh. Methods may raise Retry while their cluster is away."""

    async def replicas(self) -> list[Replica]:
        """What each tells now; one that cannot be asked says why."""

    async def unread(self, replica: Replica, versions: Mapping[ResourceRef, str]) -> list[ResourceRef]:
        """Which of these objects the replica has not read yet in this version, or still has; empty: they are gone.

        Objects of kinds that it never reads are none of them.
        """
