"""What a server serves is asked for as rarely as can be, and nobody waits for a kind that they can do without."""

from typing import Any

import msgspec
import pytest

from meshwright.core.kit.kubernetes import errors
from meshwright.core.kit.kubernetes.discovery import Discovery
from meshwright.core.kit.kubernetes.transport import Reply

_TYPE = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
DEPLOYMENT, ROUTE = ("apps", "Deployment"), ("gateway.networking.k8s.io", "HTTPRoute")


class Server:
    """Serves these kinds, each in v1, and counts how often it is asked for all of them."""

    def __init__(self, *kinds: tuple[str, str]) -> None:
        self.kinds = list(kinds)
        self.asked = 0

    async def send(self, method: str, path: str, **_: Any) -> Reply:
        """What stands below a root."""
        assert method == "GET"
        self.asked += path == "/apis"
        kinds = self.kinds if path == "/apis" else []
        groups = [
            {
                "metadata": {"name": group},
                "versions": [{"version": "v1", "resources": [{"resource": kind, "responseKind": {"kind": kind}}]}],
            }
            for group, kind in kinds
        ]
        return Reply(msgspec.json.encode({"items": groups}), _TYPE)


def discovery(server: Any) -> Discovery:
    """A client's view of this server."""
    return Discovery(server)


async def test_kinds_that_one_can_do_without_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked again and again within a second, the server is asked once, and nobody sleeps."""

    async def never(_: float) -> None:
        pytest.fail("it waited")

    monkeypatch.setattr("meshwright.core.kit.kubernetes.discovery.asyncio.sleep", never)
    server = Server(DEPLOYMENT)
    view = discovery(server)
    assert [await view.served([DEPLOYMENT, ROUTE]) for _ in range(5)] == [{DEPLOYMENT}] * 5
    assert server.asked == 1


async def test_what_is_served_is_not_asked_for_again() -> None:
    """As long as no kind is missing."""
    server = Server(DEPLOYMENT, ROUTE)
    view = discovery(server)
    assert await view.served([ROUTE]) == {ROUTE}
    assert (await view.api(*DEPLOYMENT)).path("shop", "web") == "/apis/apps/v1/namespaces/shop/Deployment/web"
    assert server.asked == 1


async def test_that_a_kind_is_unknown_is_said_only_after_another_look() -> None:
    """It may have been defined a moment ago."""
    server = Server(DEPLOYMENT)
    view = discovery(server)
    assert await view.served([ROUTE]) == set()
    server.kinds.append(ROUTE)
    assert (await view.api(*ROUTE)).kind == "HTTPRoute"
    assert server.asked == 2
    with pytest.raises(errors.UnknownKind, match=r"gateway\.networking\.k8s\.io/GRPCRoute"):
        await view.api(ROUTE[0], "GRPCRoute")
