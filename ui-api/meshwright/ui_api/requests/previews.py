"""Asking an adapter what an operation would do, before anything is done.

Invariant: a preview is request/reply with a live worker; it writes nothing anywhere, and what the worker refuses
becomes a refusal of the request that names each bad place. Why there is no answer is told as it is: no worker, a slow
one, one that failed, too much for one message, or no bus.
"""

from typing import TypeVar

import msgspec

from meshwright.core.bus.client import requesting
from meshwright.schemas.adapters import MeshIntents
from meshwright.schemas.designs import Preview
from meshwright.schemas.errors import FieldError
from meshwright.schemas.meshes import Mesh
from meshwright.schemas.operations import Command
from meshwright.ui_api.api import Api
from meshwright.ui_api.http.problems import Refusal

PREVIEW_S = 21.0
"""seconds that a worker may take for a preview that somebody asked for; it gives up a little earlier"""
_BEFOREHAND_S = 5.0
"""seconds that it may take before an operation is accepted, which checks the same"""
PROBLEMS = ("adapter-unavailable", "adapter-failed", "adapter-slow", "bus-unavailable", "invalid-document", "too-large")
ENDPOINT = "preview"
_DECODER = msgspec.json.Decoder(Preview)
_INTENTS = msgspec.json.Decoder(MeshIntents)
T = TypeVar("T")


async def preview(api: Api, command: Command, timeout: float = PREVIEW_S) -> Preview:
    """What a live worker says that the command would do; `timeout` in seconds.

    Raises Refusal with one of PROBLEMS, TooLarge, BusUnavailable.
    """
    return await ask(api, command.adapter, ENDPOINT, msgspec.json.encode(command), _DECODER, timeout)


async def intents(api: Api, workspace: str, mesh: Mesh) -> MeshIntents:
    """What a live worker says that a mesh can do. Raises as `preview` does."""
    where = {"workspace": workspace, "connection": mesh.connection, "mesh": mesh.id}
    return await ask(api, mesh.adapter, "intents", msgspec.json.encode(where), _INTENTS, PREVIEW_S)


async def ask(
    api: Api, adapter: str, endpoint: str, payload: bytes, decoder: msgspec.json.Decoder[T], timeout: float
) -> T:
    """What a live worker of an adapter answers; raises as `preview` does."""
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


def _refused(adapter: str, error: requesting.ServiceRefused) -> Refusal:
    what = error.failure.what
    match error.code:
        case "413":
            return Refusal("too-large", what, remedy="Ask about a smaller design, or apply it without a preview.")
        case "503" | "504":
            return Refusal("adapter-slow", f"the {adapter} worker says: {what}")
        case code if code.startswith("5"):
            return Refusal("adapter-failed", f"the {adapter} worker failed: {what}")
    errors = [FieldError(detail=error.failure.cause or what)]
    return Refusal("invalid-document", what, errors=errors, remedy=error.failure.remedy)


async def check(api: Api, command: Command) -> None:
    """Refuse what the adapter refuses, as far as it can tell soon: the operation itself checks the same.

    Raises Refusal, BusUnavailable.
    """
    try:
        result = await preview(api, command, _BEFOREHAND_S)
    except Refusal as refused:
        if refused.slug in ("adapter-slow", "too-large"):
            return
        raise
    refuse(result)


def refuse(result: Preview) -> None:
    """Raises Refusal when the adapter sees problems, or cannot do one of the intents."""
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
