"""Requesting a preview of an operation from an adapter, before anything is changed.

Invariant: a preview is request/reply with a live worker; it writes nothing, and what the worker refuses becomes a
refusal of the request that names each invalid place. The reason for a missing answer is reported exactly: no worker, a
slow one, one that failed, an answer that is too large, or no bus.
"""

from typing import TypeVar

import msgspec

from meshwright.core.bus.client import requesting, serving
from meshwright.schemas.adapters import MeshIntents
from meshwright.schemas.designs import Preview
from meshwright.schemas.errors import FieldError
from meshwright.schemas.meshes import Mesh
from meshwright.schemas.operations import Command
from meshwright.ui_api.api import Api
from meshwright.ui_api.http.problems import Refusal

PREVIEW_S = 21.0
"""time-out in seconds for a preview that a user requested; the worker stops a little earlier"""
_BEFOREHAND_S = 5.0
"""time-out in seconds for a preview before an operation is accepted; the operation repeats the checks"""
PROBLEMS = (
    "adapter-unavailable",
    "adapter-failed",
    "adapter-slow",
    "target-unavailable",
    "bus-unavailable",
    "invalid-document",
    "too-large",
)
_UNDECIDED = ("adapter-slow", "target-unavailable", "too-large")
"""refusals of a preview that leave open whether the operation would succeed, which waits for its target"""
ENDPOINT = "preview"
_DECODER = msgspec.json.Decoder(Preview)
_INTENTS = msgspec.json.Decoder(MeshIntents)
T = TypeVar("T")


async def preview(api: Api, command: Command, timeout: float = PREVIEW_S) -> Preview:
    """A live worker's preview of the command; `timeout` in seconds.

    Raises Refusal with one of PROBLEMS, TooLarge, BusUnavailable.
    """
    return await ask(api, command.adapter, ENDPOINT, msgspec.json.encode(command), _DECODER, timeout)


async def intents(api: Api, workspace: str, mesh: Mesh) -> MeshIntents:
    """The intents that a live worker reports for a mesh. Raises as `preview` does."""
    where = {"workspace": workspace, "connection": mesh.connection, "mesh": mesh.id}
    return await ask(api, mesh.adapter, "intents", msgspec.json.encode(where), _INTENTS, PREVIEW_S)


async def ask(
    api: Api, adapter: str, endpoint: str, payload: bytes, decoder: msgspec.json.Decoder[T], timeout: float
) -> T:
    """The answer of a live worker of an adapter; raises as `preview` does."""
    try:
        return decoder.decode(await requesting.request(api.bus, adapter, endpoint, payload, timeout=timeout))
    except requesting.NoWorker as error:
        raise Refusal("adapter-unavailable", str(error)) from error
    except requesting.Slow as error:
        if any(worker.name == adapter for worker in api.live_adapters.alive()):
            raise Refusal("adapter-slow", f"{error}; the worker is alive") from error
        raise Refusal("adapter-unavailable", f"{error}, and it has stopped announcing itself") from error
    except requesting.ServiceRefused as error:
        raise _refused(adapter, error) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal("adapter-failed", f"the {adapter} worker sent an unreadable answer: {error}") from error


def alive(api: Api, adapter: str) -> str:
    """An adapter, if a worker of it is live: otherwise a request would wait for a time-out. Raises Refusal."""
    known = sorted({worker.name for worker in api.live_adapters.alive()})
    if adapter not in known:
        raise Refusal("adapter-unavailable", f"no live worker of {adapter}; there are: {', '.join(known) or 'none'}")
    return adapter


def _refused(adapter: str, error: requesting.ServiceRefused) -> Refusal:
    what = error.failure.what
    match error.code:
        case "413":
            return Refusal("too-large", what, remedy="Ask about a smaller design, or apply it without a preview.")
        case serving.DEPENDENCY:
            return Refusal("target-unavailable", what, remedy=error.failure.remedy)
        case "503" | "504":
            return Refusal("adapter-slow", f"the {adapter} worker says: {what}")
        case code if code.startswith("5"):
            return Refusal("adapter-failed", f"the {adapter} worker failed: {what}")
    errors = [FieldError(detail=error.failure.cause or what)]
    return Refusal("invalid-document", what, errors=errors, remedy=error.failure.remedy)


async def check(api: Api, command: Command) -> None:
    """Refuses what the adapter refuses, as far as its preview answers soon: the operation itself repeats the checks.

    Raises Refusal, BusUnavailable.
    """
    try:
        result = await preview(api, command, _BEFOREHAND_S)
    except Refusal as refused:
        if refused.slug in _UNDECIDED:
            return
        raise
    refuse(result)


def refuse(result: Preview) -> None:
    """Raises Refusal when the adapter reports problems, or does not support one of the intents."""
    if result.problems:
        raise Refusal("invalid-document", "the adapter refuses the design", errors=result.problems)
    if result.unsupported:
        first = result.unsupported[0]
        raise Refusal(
            "unsupported-intent",
            f"{first.intent}: {first.because}",
            errors=[FieldError(detail=f"{one.intent}: {one.because}") for one in result.unsupported],
            remedy=first.instead,
        )
