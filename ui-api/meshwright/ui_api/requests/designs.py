"""Designs as stored on STATE: reading a version, saving one, checking one.

Invariant: versions count per design from 1 and are returned in the write's own response; the number is stored with the
version behind the one that was read, so of two writers only one gets it. The sequence is the ETag alone.
"""

from typing import Any

from starlette.responses import Response

from meshwright.core import bus as mwbus
from meshwright.schemas import subjects
from meshwright.schemas.designs import Design, DesignWritten, design_problems
from meshwright.schemas.errors import FieldError
from meshwright.ui_api.http import answers
from meshwright.ui_api.http.problems import Refusal, not_found
from meshwright.ui_api.http.queries import Write
from meshwright.ui_api.http.routing import Call
from meshwright.ui_api.requests import states

KIND = "design"


async def stored(call: Call[Any, Any], name: str, version: int = 0) -> Design:
    """A version of a design, the newest for 0. Raises Refusal `not-found`, BusUnavailable."""
    newest = await states.newest(call.api.bus, call.workspace, KIND, name)
    if version and states.number(call, newest) != version:
        newest = await _numbered(call, name, version)
    newest = states.alive(newest)
    if newest is None or call.api.directory.is_older(call.workspace, newest):
        raise await no_version(call, name, version) if version else no_design(call, name)
    message = newest.message()
    assert isinstance(message, DesignWritten)
    return message.document


def no_design(call: Call[Any, Any], name: str) -> Refusal:
    """The refusal for a design that does not exist."""
    return not_found(KIND, name, call.api.directory.designs(call.workspace))


async def no_version(call: Call[Any, Any], name: str, version: int) -> Refusal:
    """The refusal for a version that a design does not have, or for a design that does not exist.

    Raises BusUnavailable.
    """
    newest = states.number(call, await states.newest(call.api.bus, call.workspace, KIND, name))
    if not newest:
        return no_design(call, name)
    detail = f"there is no version {version} of design {name!r}"
    return Refusal("not-found", detail, remedy=f"The newest is {newest}; a version that is a deletion holds nothing.")


async def known(call: Call[Any, Any], name: str) -> None:
    """Raises Refusal `not-found` for a name that no design has or had: what was deleted may still be applied.

    Raises BusUnavailable.
    """
    newest = await states.newest(call.api.bus, call.workspace, KIND, name)
    if newest is None or call.api.directory.is_older(call.workspace, newest):
        raise no_design(call, name)


async def _numbered(call: Call[Any, Any], name: str, version: int) -> mwbus.Received | None:
    """The message of an earlier version; STATE keeps a hundred, which are scanned in order."""
    subject = subjects.fill(subjects.STATE, workspace=call.workspace, kind=KIND, id=name)
    message = await call.api.bus.following(subjects.STATE.stream, 1, subject)
    while message is not None and states.number(call, message) != version:
        message = await call.api.bus.following(subjects.STATE.stream, message.seq + 1, subject)
    return message


async def save(call: Call[Any, Write], name: str, design: Design, reason: str) -> Response:
    """Store a version under the caller's preconditions, and return the response. Raises Refusal, BusUnavailable."""
    sound(design)
    before = await states.standing(call, call.workspace, KIND, name)
    version = states.number(call, before.newest) + 1
    message = DesignWritten(document=design, version=version, principal=call.principal.name, reason=call.reason(reason))
    validate_only = call.query.validate_only
    written = await states.replace(call, call.workspace, KIND, name, message, before, validate_only=validate_only)
    return states.answer(written, design, **{answers.VERSION.replace("-", "_"): str(version)})


def sound(design: Design, at: str = "#") -> None:
    """Raises Refusal `invalid-document` for a design that is invalid by itself; `at` is its pointer in the body."""
    if problems := design_problems(design):
        moved = [FieldError(detail=one.detail, pointer=at + one.pointer.removeprefix("#")) for one in problems]
        raise Refusal("invalid-document", "the design breaks a rule", errors=moved)
