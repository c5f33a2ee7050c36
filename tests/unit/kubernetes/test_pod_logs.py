"""Logs of pods: which pods and containers are meant, and what is said of one that has no log."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

import msgspec
import pytest

from meshwright.core import kit
from meshwright.core.kit import pod_logs
from meshwright.core.kit.kubernetes import BadRequest, errors
from meshwright.schemas.workloads import LONGEST_LOG, LogPart, LogRequest, Logs

PROXIES = frozenset({"istio-proxy"})


def pod(name: str, owner: str, *containers: str, init: tuple[str, ...] = (), template: str = "") -> dict[str, Any]:
    """A pod as the API server gives it."""
    labels = {"pod-template-hash": template} if template else {}
    owned = f"{owner}-{template}" if template else owner
    return {
        "metadata": {"name": name, "labels": labels, "ownerReferences": [{"kind": "ReplicaSet", "name": owned}]},
        "spec": {
            "containers": [{"name": each} for each in containers],
            "initContainers": [{"name": each} for each in init],
        },
    }


class Listed:
    """One object of a list."""

    def __init__(self, body: dict[str, Any]) -> None:
        self._body = body

    def decode(self, kind: type[Any]) -> Any:
        """As `Item.decode`."""
        return msgspec.convert(self._body, kind)


class Pods:
    """A cluster with pods; a container called `starting` has no log yet."""

    def __init__(self, *pods: dict[str, Any]) -> None:
        self.pods = pods
        self.asked: list[tuple[str, Mapping[str, str]]] = []

    async def list(self, group: str, kind: str, namespace: str) -> AsyncGenerator[Listed, None]:
        """All pods of the namespace."""
        assert (group, kind, namespace) == ("", "Pod", "shop")
        for each in self.pods:
            yield Listed(each)

    async def request(self, method: str, path: str, *, query: Mapping[str, str], **_: Any) -> bytes:
        """The log of a container."""
        self.asked.append((f"{method} {path}", query))
        if query["container"] == "starting":
            status = {"kind": "Status", "code": 400, "reason": "BadRequest", "message": "waiting to start"}
            raise errors.from_response(400, msgspec.json.encode(status), "GET log")
        return f"{path.split('/')[-2]} {query['container']} {query['tailLines']}\n".encode()


CLUSTER = (
    pod("reviews-v1-abc-1", "reviews-v1", "app", "istio-proxy", template="abc"),
    pod("reviews-v1-abc-2", "reviews-v1", "app", "helper", init=("istio-proxy",), template="abc"),
    pod("store-0", "store", "starting"),
)


async def read(**asked: Any) -> list[LogPart]:
    """What is read for a request."""
    cluster: Any = Pods(*CLUSTER)
    raw = {"workspace": "w", "connection": "c", "mesh": "m", "namespace": "shop", "lines": 7, **asked}
    return await pod_logs.read(cluster, msgspec.convert(raw, LogRequest), PROXIES)


async def test_a_proxys_log_is_that_of_its_container() -> None:
    """Also where the sidecar is one that is started first."""
    for name in ("reviews-v1-abc-1", "reviews-v1-abc-2"):
        text = f"{name} istio-proxy 7\n"
        assert await read(of="proxy", name=name) == [LogPart(name=f"{name}/istio-proxy", text=text)]


async def test_a_workloads_logs_are_those_of_its_pods_without_the_proxies() -> None:
    """Every pod of the Deployment, every container that is no proxy, or the one that is named."""
    parts = await read(of="workload", kind="deployment", name="reviews-v1")
    assert [each.name for each in parts] == ["reviews-v1-abc-1/app", "reviews-v1-abc-2/app", "reviews-v1-abc-2/helper"]
    parts = await read(of="workload", name="reviews-v1", container="istio-proxy")
    assert [each.name for each in parts] == ["reviews-v1-abc-1/istio-proxy", "reviews-v1-abc-2/istio-proxy"]


async def test_what_has_no_log_yet_says_so_in_its_place() -> None:
    """One container that is starting hides no other."""
    [part] = await read(of="workload", kind="statefulset", name="store")
    assert part.text.startswith("(no log: ")
    assert "waiting to start" in part.text
    assert issubclass(BadRequest, errors.KubernetesError)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"of": "proxy", "name": "gone"}, "there is no running pod of proxy shop/gone"),
        ({"of": "workload", "name": "reviews-v1", "container": "x"}, "reviews-v1 has no container x"),
    ],
)
async def test_what_is_not_there_is_rejected(asked: dict[str, Any], words: str) -> None:
    """With the containers that there are."""
    with pytest.raises(kit.Reject) as rejected:
        await read(**asked)
    assert rejected.value.failure.what == words
    assert rejected.value.failure.remedy


def test_an_answer_is_bounded_and_keeps_the_newest_lines() -> None:
    """However long the logs are, all parts together fit, and begin with a whole line."""
    text = "\n".join(f"line {number}" for number in range(200_000))
    bounded = Logs(parts=[LogPart(name="a", text=text), LogPart(name="b", text="short")]).bounded()
    assert sum(len(each.text) for each in bounded.parts) <= LONGEST_LOG
    assert bounded.parts[0].text.endswith("line 199999")
    assert bounded.parts[0].text.startswith("line ")
    assert bounded.parts[1].text == "short"
    endless = Logs(parts=[LogPart(name="a", text="x" * (2 * LONGEST_LOG))]).bounded()
    assert len(endless.parts[0].text) == LONGEST_LOG
