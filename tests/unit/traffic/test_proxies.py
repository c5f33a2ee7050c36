"""Proxies that come, restart, stay silent, answer rubbish and go: what they counted is right, and silence is told."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest

from meshwright.core.kit.traffic import proxies
from meshwright.core.kit.traffic.meanings import EdgeKey, Meaning, Place, Statistics
from meshwright.core.kit.traffic.proxies import Measured, Proxy, ProxyReader
from meshwright.core.operations.outcomes import Retry
from meshwright.schemas.errors import Failure

EDGE = EdgeKey("", "web", "", "reviews")


def interpret(name: str, labels: Mapping[str, str], place: Place) -> Meaning:
    """Everything counts requests from the place."""
    return Meaning(edge=EDGE._replace(source=place.workload), reporter="source", quantity="requests")


MESH = Statistics(name="mesh", counters=["mesh_total"], histograms=[], labels=[], interpret=interpret)
PLAIN = Statistics(name="plain", counters=["plain_total"], histograms=[], labels=[], interpret=interpret)


class Mesh:
    """Proxies by the name of their process; an answer is text or what is raised."""

    def __init__(self, **answers: str | Exception) -> None:
        self.answers: dict[str, str | Exception] = dict(answers)
        self.asked_at_once = self.most_at_once = 0
        self.reader = ProxyReader([MESH, PLAIN], self.list, every=1e6)

    async def list(self) -> Sequence[Proxy]:
        """All that run."""
        return [Proxy(name, Place(workload=name.rstrip("0123456789")), self._reads(name)) for name in self.answers]

    async def requests(self) -> float:
        """Of one window, over all proxies."""
        return total(await self.reader.window())

    def _reads(self, name: str) -> Callable[[], Awaitable[bytes]]:
        async def read() -> bytes:
            self.asked_at_once += 1
            self.most_at_once = max(self.most_at_once, self.asked_at_once)
            await asyncio.sleep(0)
            self.asked_at_once -= 1
            answer = self.answers[name]
            if isinstance(answer, Exception):
                raise answer
            return answer.encode()

        return read


def total(measured: Measured) -> float:
    """All increases of a window."""
    return sum(value for reading, _, _ in measured.parts for value in reading.counters.values())


def away(what: str = "the pod is away") -> Retry:
    """What the one who passes questions on says."""
    return Retry(1.0, Failure(code="MW4242", what=what))


async def test_what_was_before_is_not_counted_and_then_everything_is() -> None:
    """A worker that begins to look at a mesh that runs for days."""
    mesh = Mesh(web="mesh_total 1000\n")
    assert await mesh.requests() == 0
    mesh.answers["web"] = "mesh_total 1007\n"
    assert await mesh.requests() == 7
    assert await mesh.requests() == 0


async def test_a_proxy_that_begins_meanwhile_is_counted_from_its_start() -> None:
    """A new pod, or the new process in one."""
    mesh = Mesh(web0="mesh_total 10\n")
    await mesh.requests()
    del mesh.answers["web0"]
    mesh.answers["web1"] = "mesh_total 3\n"
    assert await mesh.requests() == 3


async def test_a_series_that_begins_is_counted_from_zero() -> None:
    """The first request ever to somebody."""
    mesh = Mesh(web='mesh_total{to="a"} 1\n')
    await mesh.requests()
    mesh.answers["web"] += 'mesh_total{to="b"} 4\n'  # type: ignore[operator]
    assert await mesh.requests() == 4


@pytest.mark.parametrize("answer", [away(), "mesh_total{ 3\n", TimeoutError()])
async def test_one_that_does_not_answer_harms_no_other(answer: str | Exception) -> None:
    """It is told with the reason, and what it counted comes with its next answer."""
    mesh = Mesh(web="mesh_total 1\n", cart="mesh_total 1\n")
    await mesh.requests()
    mesh.answers = {"web": answer, "cart": "mesh_total 3\n"}
    measured = await mesh.reader.window()
    assert (total(measured), measured.source.silent) == (2, 1)
    assert measured.failure is not None and measured.failure.what
    mesh.answers = {"web": "mesh_total 6\n", "cart": "mesh_total 3\n"}
    measured = await mesh.reader.window()
    assert (total(measured), measured.source.silent, measured.failure) == (5, 0, None)


async def test_one_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a bounded time, told as silent."""
    monkeypatch.setattr(proxies, "ANSWER_S", 0.01)

    async def never() -> bytes:
        await asyncio.Event().wait()
        raise AssertionError

    async def listed() -> list[Proxy]:
        return [Proxy("p", Place(workload="web"), never)]

    measured = await ProxyReader([MESH], listed, every=1e6).window()
    assert measured.source.silent == 1
    assert measured.failure is not None and "web did not answer" in measured.failure.what


async def test_an_answer_above_the_limit_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would cost the worker its memory."""
    monkeypatch.setattr(proxies, "LARGEST", 10)
    measured = await Mesh(web="mesh_total 1000\n").reader.window()
    assert measured.failure is not None and "more than 10 bytes" in measured.failure.what


async def test_the_best_statistics_that_anybody_has_are_taken() -> None:
    """Those of the mesh where they are; with none at all nothing is claimed."""
    mesh = Mesh(web="plain_total 1\n", cart="plain_total 1\n")
    assert (await mesh.reader.window()).statistics is PLAIN
    mesh.answers["cart"] = "plain_total 1\nmesh_total 1\n"
    assert (await mesh.reader.window()).statistics is MESH
    assert (await Mesh(web="").reader.window()).statistics is None
    assert (await Mesh().reader.window()).statistics is None


async def test_a_bounded_number_is_asked_at_a_time() -> None:
    """However many there are."""
    mesh = Mesh(**{f"web{n}": "mesh_total 1\n" for n in range(50)})
    assert len((await mesh.reader.window()).parts) == 0
    assert 1 < mesh.most_at_once <= proxies.AT_ONCE
    assert (await mesh.reader.window()).source.proxies == 50


async def test_a_process_that_was_missing_from_a_list_is_not_counted_from_its_start() -> None:
    """It may have run for days; what it counts from now on counts."""
    mesh = Mesh(web="mesh_total 5000\n")
    await mesh.requests()
    mesh.answers = {}
    await mesh.requests()
    mesh.answers = {"web": "mesh_total 5001\n"}
    assert await mesh.requests() == 0
    mesh.answers = {"web": "mesh_total 5003\n"}
    assert await mesh.requests() == 2
