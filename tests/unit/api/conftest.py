"""The whole harness in one process, over a bus and views that live in memory.

Invariant: whatever the harness refuses while a test runs is a kind of refusal that the route's own document names, and
nothing is answered by accident; tests that prove compare-and-set on a real bus stand in tests/integration/api.
"""

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import msgspec
import pytest

from meshwright.core import bus as mwbus
from meshwright.core import store
from meshwright.core.security import connection_rules, sealing, ssrf
from meshwright.core.testing.memory import MemoryBus
from meshwright.schemas import access, adapters, connections, meshes, operations
from meshwright.schemas.base import Message
from meshwright.ui_api.access import authentication
from meshwright.ui_api.access.callers import Callers
from meshwright.ui_api.access.sessions import Sessions
from meshwright.ui_api.api import Api
from meshwright.ui_api.http import app
from meshwright.ui_api.http.documents import openapi
from meshwright.ui_api.http.meters import Meters
from meshwright.ui_api.http.refusals import Refusals
from meshwright.ui_api.live.quota import StreamQuota
from meshwright.ui_api.live.streaming import Hub
from meshwright.ui_api.reading.paging import Tokens
from meshwright.ui_api.requests.directory import Directory
from meshwright.ui_api.requests.live_adapters import LiveAdapters
from meshwright.ui_api.web.dashboard import Dashboard
from rig.stack.people import Person

ADMIN = "an admin token of a test"
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


class Views:
    """What the views hold: (kind, key) to document and sequence. `asked` is how lists and the log were asked."""

    def __init__(self) -> None:
        self.documents: dict[tuple[str, str], tuple[Any, int]] = {}
        self.failure: Exception | None = None
        self.cursor = ""
        self.asked: list[dict[str, Any]] = []

    async def get(self, kind: store.Kind[Any], workspace: str, id: str) -> Any:
        """One document."""
        self._answer()
        answer = self.documents.get((kind.name, id))
        return answer and store.Stored(document=answer[0], workspace=workspace, seq=answer[1], updated_at=NOW)

    async def page(self, kind: store.Kind[Any], workspace: str, **asked: Any) -> Any:
        """All documents of a kind, however they are filtered."""
        self._answer()
        self.asked.append(asked)
        items = [
            store.Stored(document=document, workspace=workspace, seq=seq, updated_at=NOW)
            for (name, _), (document, seq) in self.documents.items()
            if name == kind.name
        ]
        return store.Page(items=items, cursor=self.cursor)

    async def events(self, workspace: str, **asked: Any) -> list[Any]:
        """An empty log."""
        self._answer()
        self.asked.append(asked)
        return []

    async def wait(self, stream: str, seq: int, timeout: float) -> None:
        """Nothing is ever projected here."""
        self._answer()
        raise store.NotYetVisible(stream, seq, 0)

    async def counts(self, *asked: Any) -> dict[tuple[str, ...], int]:
        """There is nothing to count."""
        self._answer()
        return {}

    async def position(self, stream: str) -> store.Checkpoint:
        """Nothing is ever projected here."""
        self._answer()
        return store.Checkpoint(stream=stream)

    async def heartbeat(self) -> float | None:
        """There is no projector."""
        self._answer()
        return None

    async def count(self, *asked: Any, **more: Any) -> int:
        """There is nothing to count."""
        self._answer()
        return 0

    set_aside_count = count

    def __getattr__(self, name: str) -> Any:
        """Every other read, which gives nothing or fails as the rest does."""

        async def read(*asked: Any, **more: Any) -> Any:
            self._answer()
            return []

        return read

    def _answer(self) -> None:
        if self.failure is not None:
            raise self.failure


class Harness:
    """The application with its parts in reach; `undeclared` is what it answered beyond its own document."""

    def __init__(self) -> None:
        self.bus, self.views = MemoryBus(), Views()
        self.directory, self.live_adapters = Directory(), LiveAdapters()
        self.directory.loaded.set()
        self.live_adapters.loaded.set()
        bus, views = cast(Any, self.bus), cast(Any, self.views)
        meters = Meters()
        access_control = authentication.AccessControl(self.directory, authentication.digest(ADMIN))
        active = Sessions(self.bus.bucket("mw_sessions"), 3600)
        self.api = Api(
            bus=bus,
            storing=mwbus.Storing(bus),
            views=views,
            freshness=cast(
                Any,
                msgspec.defstruct(
                    "Fresh", [("text", str, "0.0"), ("complaint", str, ""), ("age", float | None, None)]
                )(),
            ),
            directory=self.directory,
            live_adapters=self.live_adapters,
            access_control=access_control,
            sessions=active,
            callers=Callers(access_control, active),
            hub=Hub(bus),
            streams=StreamQuota(),
            pages=Tokens(b"a key"),
            meters=meters,
            refusals=Refusals(meters),
            sealer=sealing.Sealer([b"k" * 32]),
            reachable=ssrf.policy("hooks.test"),
            connection_rules=connection_rules.rules("10.0.0.0/8", ""),
        )
        self.undeclared: list[tuple[str, int, str]] = []
        self._app = app.create_app(self.api, Dashboard(Path("no dashboard")))
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self._watched),
            base_url="http://harness",
            headers={"Accept-Encoding": "identity"},  # `_watched` reads the bodies
        )
        self.admin = Person(self.client, ADMIN, "default")

    async def _watched(self, scope: Any, receive: Any, send: Any) -> None:
        answered: dict[str, Any] = {"body": b""}

        async def watching(message: Any) -> None:
            answered["status"] = message.get("status", answered.get("status"))
            answered["body"] += message.get("body", b"")
            await send(message)

        await self._app(scope, receive, watching)
        if (route := scope.get("meshwright.route")) is None or answered["status"] < 400:
            return
        slug = msgspec.json.decode(answered["body"])["type"].rpartition("/")[2]
        if slug not in openapi.refusals(route):
            self.undeclared.append((route.operation_id, answered["status"], slug))

    def person(self, role: access.Role, workspace: str = "default", **more: Any) -> Person:
        """A user with a token of that role; `more` are fields of the token."""
        secret = authentication.new_secret()
        fields = {"id": f"{role}-{secret[-4:].lower().strip('-_')}", "role": role, "workspace": workspace}
        token = access.Token(**{**fields, "created_at": NOW, "sha256": authentication.digest(secret), **more})
        place = "system" if workspace == "*" else workspace
        self.learn(place, "token", token.id, access.TokenWritten(document=token, principal="test"))
        return Person(self.client, secret, "default" if workspace == "*" else workspace)

    def learn(self, workspace: str, kind: str, name: str, message: Message) -> None:
        """Apply what another process wrote to the directory."""
        self.directory.learn(f"mw.state.{workspace}.{kind}.{name}", message)

    def break_down(self, bus: Exception, views: Exception | None = None) -> None:
        """From now on whatever asks the bus or the views fails so."""
        self.bus.failure = self.bus.bucket("mw_sessions").failure = bus
        self.views.failure = views or bus
        self.bus.is_connected = not isinstance(bus, mwbus.BusUnavailable)

    def mesh(self, name: str = "m1", workspace: str = "default") -> None:
        """A connection, a mesh on it, and a live worker that installs meshes and applies designs."""
        place = connections.Connection(id="place", kind="envoy-fleet")
        self.learn(workspace, "connection", "place", connections.ConnectionWritten(document=place, principal="test"))
        seen = meshes.Mesh(id=name, kind="trial", connection="place", adapter="trial", observed_at=NOW)
        self.directory.learn(f"mw.evt.{workspace}.trial.mesh.{name}", meshes.MeshObserved(mesh=seen))
        kinds = [("trial.noop", 1), *((each.kind.name, each.kind.version) for each in operations.OPERATION_TYPES)]
        offers = [adapters.OperationSupport(name=kind, version=version, mutates=True) for kind, version in kinds]
        worker = adapters.AdapterAnnouncement(
            name="trial",
            instance="i",
            version="1",
            contract=1,
            meshes=["trial", "envoy"],
            operations=offers,
            intents=[],
            started_at=NOW,
        )
        self.live_adapters.learn("trial.i", msgspec.json.encode(worker))


@pytest.fixture(scope="session")
def doors() -> type[Harness]:
    """What makes a harness, for properties that need a fresh one for every example."""
    return Harness


@pytest.fixture
def harness() -> Iterator[Harness]:
    """A harness; at the end all that it refused must have been declared."""
    result = Harness()
    yield result
    assert result.undeclared == []
