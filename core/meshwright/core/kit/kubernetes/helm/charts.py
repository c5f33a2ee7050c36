"""Rendering a chart: where it is, with which values, and what it becomes.

Problem: only Helm's own engine renders what Helm renders, and it is a Go library that may crash, hang or grow.
Invariant: it runs in a child process of its own, which is bounded in time, memory and output and gone when the call
ends, however it ends; the child sees no setting and no credential of the worker.
"""

import asyncio
import contextlib
import importlib.util
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, Literal

import msgspec

from meshwright.core.kit.kubernetes.helm import failures, hooks
from meshwright.core.kit.kubernetes.helm.hooks import LeftOut, RenderedObject
from meshwright.core.kit.kubernetes.objects import Body
from meshwright.core.operations.outcomes import Reject
from meshwright.schemas.base import Model
from meshwright.schemas.errors import Failure

HELM = "MESHWRIGHT_HELM"
"""Environment variable that names a `helm` program, before the library and PATH are looked at."""
TIMEOUT = 120.0
MOST_BYTES = 64 * 1024 * 1024
_CHILD = Path(__file__).with_name("child.py")
_PASSED = ("PATH", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


class Chart(Model, frozen=True, kw_only=True):
    """A chart and where it is: itself or in a folder of charts on this host, in a repository, or in an OCI registry.

    `location` is a path, `https://…` or `oci://…`; an empty version means the newest.
    """

    name: str
    location: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()


class Rendering(Model, frozen=True, kw_only=True):
    """How a chart is to be rendered. `api_versions` are what the cluster serves, as `group/version[/Kind]`."""

    release: str
    namespace: str
    values: dict[str, Any] = {}
    upgrade: bool = False
    kube_version: str = ""
    api_versions: list[str] = []


class Rendered(Model, frozen=True, kw_only=True):
    """What a chart became: objects in the order in which they can be applied."""

    name: str
    version: str
    app_version: str = ""
    digest: str
    """of the archive; of a folder: over all its files"""
    objects: list[Body]
    left_out: list[LeftOut] = []
    notes: str = ""


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    error: Literal["", "load", "network", "values", "render", "engine", "yaml"] = ""
    message: str = ""
    name: str = ""
    version: str = ""
    app_version: str = ""
    digest: str = ""
    crds: list[RenderedObject] = []
    objects: list[RenderedObject] = []
    notes: str = ""


def engine() -> str:
    """`sdk` for the library, or the path of a `helm` program; empty when there is neither."""
    if named := os.environ.get(HELM):
        return named
    if importlib.util.find_spec("helm_python") is not None:
        return "sdk"
    return shutil.which("helm") or ""


async def render(chart: Chart, rendering: Rendering, *, timeout: float = TIMEOUT) -> Rendered:
    """The objects of a chart. Raises Reject with what is wrong with the chart, its values or its place."""
    chosen = await asyncio.to_thread(engine)
    if not chosen:
        raise failures.no_engine(str(chart))
    directory = await asyncio.to_thread(tempfile.mkdtemp, prefix="meshwright-helm-")
    try:
        request = {**msgspec.to_builtins(chart), **msgspec.to_builtins(rendering)}
        request |= {"engine": chosen, "directory": directory}
        raw = await _ask(str(chart), msgspec.json.encode(request), directory, timeout)
    finally:
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
    answer = await asyncio.to_thread(msgspec.json.decode, raw, type=_Answer)
    if answer.error:
        raise _refusal(chart, answer)
    sorted_out = hooks.sort(answer.objects)
    if sorted_out.refused:
        raise failures.hooks(str(chart), sorted_out.refused)
    return Rendered(
        name=answer.name,
        version=answer.version,
        app_version=answer.app_version,
        digest=answer.digest,
        objects=hooks.in_order([*(each.body for each in answer.crds), *sorted_out.apply]),
        left_out=sorted_out.left_out,
        notes=answer.notes,
    )


async def _ask(chart: str, request: bytes, directory: str, timeout: float) -> bytes:
    """What the child answers; it and all that it started are gone afterwards."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", str(_CHILD),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=_environment(directory), cwd=directory, start_new_session=True,
    )  # fmt: skip
    assert process.stdin and process.stdout and process.stderr
    try:
        async with asyncio.timeout(timeout):
            async with asyncio.TaskGroup() as group:
                group.create_task(_send(process.stdin, request))
                answered = group.create_task(_read(process.stdout, MOST_BYTES))
                errors = group.create_task(_read(process.stderr, MOST_BYTES))
            if len(answered.result()) > MOST_BYTES:
                raise failures.too_much(chart, f"it gave more than {MOST_BYTES // 2**20} MiB")
            await process.wait()
    except TimeoutError:
        raise failures.too_much(chart, f"it took longer than {timeout:g} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if not answered.result():
        raise _crashed(chart, process.returncode, errors.result())
    return answered.result()


async def _send(stdin: asyncio.StreamWriter, request: bytes) -> None:
    with contextlib.suppress(ConnectionError):  # it ended before it had read all: its answer says why
        stdin.write(request)
        await stdin.drain()
        stdin.close()


async def _read(stream: asyncio.StreamReader, most: int) -> bytes:
    """All of it, or a little more than `most` bytes."""
    content = bytearray()
    while len(content) <= most and (part := await stream.read(1 << 20)):
        content += part
    return bytes(content)


def _environment(directory: str) -> dict[str, str]:
    passed = {name: os.environ[name] for each in _PASSED for name in (each, each.lower()) if name in os.environ}
    homes = {f"HELM_{each}_HOME": directory for each in ("CONFIG", "CACHE", "DATA")}
    return {**passed, **homes, "HOME": directory, "TMPDIR": directory}


def _refusal(chart: Chart, answer: _Answer) -> Reject:
    name, why = str(chart), " ".join(answer.message.split())
    if answer.error == "network":
        return failures.unreachable(name, chart.location, why)
    if answer.error == "values":
        return failures.values(name, why)
    if answer.error == "engine":
        return failures.no_engine(name)
    if answer.error == "load":
        return failures.not_found(name, why)
    return failures.template(name, why)


def _crashed(chart: str, status: int | None, errors: bytes) -> Reject:
    last = " ".join(errors.decode(errors="replace").split())
    what = f"Helm's engine ended with status {status} while it rendered the chart {chart}: {last}"
    memory = "out of memory" in last or "cannot allocate" in last
    if memory:
        return failures.too_much(chart, "it needed too much memory")
    return Reject(Failure(code="MW5104", what=what[:1500], remedy="Try another version of the chart.", retryable=True))
