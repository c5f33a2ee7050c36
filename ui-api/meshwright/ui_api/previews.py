"""Asking an adapter what an operation would do, before anything is done.

Invariant: a preview is request/reply with a live worker; it writes nothing anywhere, and what the worker refuses
becomes a refusal of the request that names each bad place.
"""

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core.bus import requesting
from meshwright.schemas.designs import Preview
from meshwright.schemas.errors import FieldError
from meshwright.schemas.operations import Command
from meshwright.ui_api.problems import Refused

PREVIEW_S = 5.0
"""seconds that a worker may take for a preview"""
ENDPOINT = "preview"
_DECODER = msgspec.json.Decoder(Preview)


async def preview(bus: mwbus.Connection, command: Command) -> Preview:
    """What a live worker says that the command would do.

    Raises Refused `adapter-unavailable` or `invalid-document`, BusUnavailable.
    """
    try:
        reply = await requesting.request(
            bus, command.adapter, ENDPOINT, msgspec.json.encode(command), timeout=PREVIEW_S
        )
        return _DECODER.decode(reply)
    except requesting.NoWorker as error:
        raise Refused("adapter-unavailable", str(error)) from error
    except requesting.Refused as error:
        if error.code.startswith("5"):
            raise Refused(
                "adapter-unavailable", f"the {command.adapter} worker failed: {error.failure.what}"
            ) from error
        raise Refused(
            "invalid-document",
            error.failure.what,
            errors=[FieldError(detail=error.failure.cause or error.failure.what)],
            remedy=error.failure.remedy,
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("adapter-unavailable", f"the {command.adapter} worker answered nonsense: {error}") from error


def refuse(found: Preview) -> None:
    """Raises Refused when the adapter sees problems, or cannot do one of the intents."""
    if found.problems:
        raise Refused("invalid-document", "the adapter refuses the design", errors=found.problems)
    if found.unsupported:
        first = found.unsupported[0]
        raise Refused(
            "unsupported-intent",
            f"{first.intent}: {first.because}",
            errors=[FieldError(detail=f"{one.intent}: {one.because}") for one in found.unsupported],
            remedy=first.instead,
        )
