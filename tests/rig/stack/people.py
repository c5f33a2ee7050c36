"""Users of the API over HTTP, with the helper methods that tests need.

Invariant: it uses only what any client with a token has.
"""

import uuid
from typing import Any, Self

import httpx

from meshwright.core.testing.eventually import eventually

WORKLOAD = {"name": "reviews-v1", "service": "reviews", "port": 9080}
TIMEOUT = {"intent": "timeout", "service": "reviews", "timeout": "1s"}


class Refusal(AssertionError):
    """An answer that the test did not expect."""


class Person:
    """A token and a workspace. Methods raise Refusal unless the answer is a 2xx or the `expect`ed status."""

    def __init__(self, client: httpx.AsyncClient, token: str, workspace: str) -> None:
        self.client = client
        self.token = token
        self.workspace = workspace

    @classmethod
    async def apart(cls, client: httpx.AsyncClient, token: str) -> Self:
        """An admin of everything, working in a fresh workspace."""
        person = cls(client, token, f"w{uuid.uuid4().hex[:10]}")
        await person.put(f"/v1/workspaces/{person.workspace}", {}, workspace="default")
        await person.until_it_counts()
        return person

    async def ask(
        self, method: str, path: str, body: Any = None, *, expect: int = 0, workspace: str = "", **more: Any
    ) -> httpx.Response:
        """One request; `more` are headers with `_` for `-`, and `content`, `params`."""
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Meshwright-Workspace": workspace or self.workspace,
        }
        options: dict[str, Any] = {key: more.pop(key) for key in ("content", "params", "timeout") if key in more}
        headers |= {key.replace("_", "-"): str(value) for key, value in more.items()}
        if body is not None:
            options["json"] = body
        answer = await self.client.request(method, path, headers=headers, **options)
        fine = answer.status_code == expect if expect else answer.is_success
        if not fine:
            raise Refusal(f"{method} {path}: {answer.status_code} {answer.text[:1000]}")
        return answer

    async def get(self, path: str, **more: Any) -> Any:
        """The body of a GET."""
        return (await self.ask("GET", path, **more)).json()

    async def put(self, path: str, body: Any, **more: Any) -> httpx.Response:
        """A PUT."""
        return await self.ask("PUT", path, body, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """A POST."""
        return await self.ask("POST", path, {} if body is None else body, **more)

    async def problem(self, method: str, path: str, body: Any = None, *, status: int, slug: str, **more: Any) -> Any:
        """The problem document of a request that must be refused in that way."""
        answer = await self.ask(method, path, body, expect=status, **more)
        assert answer.headers["content-type"] == "application/problem+json"
        result = answer.json()
        assert (result["type"], result["status"]) == (f"/problems/{slug}", status), result
        assert result["trace_id"] == answer.headers["x-request-id"], result
        return result

    async def until_it_counts(self) -> None:
        """Wait until the workspace is visible in every process."""
        await eventually(lambda: self.get("/v1/whoami"))

    async def token_of(self, role: str, **more: Any) -> "Person":
        """Another user with a token of that role in this workspace."""
        made = (await self.post("/v1/tokens", {"id": f"{role}-{len(more)}", "role": role, **more})).json()
        person = Person(self.client, made["secret"], self.workspace)
        await eventually(lambda: person.get("/v1/whoami"))
        return person

    async def done(self, operation: str, timeout: float = 60) -> Any:
        """The operation once it has ended."""

        async def look() -> Any:
            answer = await self.get(f"/v1/operations/{operation}")
            return answer if answer["done"] else None

        return await eventually(look, timeout=timeout)

    async def seen(self, operation: Any) -> Any:
        """The operation, when the views have its end too: reading one may be ahead of them."""
        await self.get("/v1/operations", params={"page_size": 1, "min_event": operation["last_seq"]})
        return operation

    async def do(self, path: str, body: Any = None, *, method: str = "POST", **more: Any) -> Any:
        """A request for an operation, and the operation once it has ended and the views show it."""
        answer = await self.ask(method, path, {} if body is None else body, expect=202, **more)
        return await self.seen(await self.done(answer.json()["id"]))

    async def mesh(self, name: str = "m1") -> None:
        """A mesh with one workload, on a connection that is made too."""
        await self.put("/v1/connections/place", {"kind": "envoy-fleet"})

        async def accepted() -> Any:
            try:
                return await self.do("/v1/meshes", {"id": name, "connection": "place", "kind": "trial"})
            except Refusal as refusal:
                if "connection" not in str(refusal):
                    raise
                return None

        assert (await eventually(accepted))["state"] == "succeeded"
        await self._known(name)
        await self.do(f"/v1/meshes/{name}/workloads", {"workloads": [WORKLOAD]})

    async def _known(self, mesh: str) -> None:
        await eventually(
            lambda: self.ask("POST", f"/v1/meshes/{mesh}:status", {}, expect=503)  # the trial adapter has none
        )
