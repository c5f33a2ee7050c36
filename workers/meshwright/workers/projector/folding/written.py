"""Folding what users write: the newest version of each document, and every version of a design.

Invariant: the document of a STATE subject has the id of that subject; a version is never changed.
"""

from typing import Any

from meshwright.core.operations.records import Fact, Unprojectable
from meshwright.core.store import DesignVersion
from meshwright.schemas.access import ResourceDeleted
from meshwright.schemas.base import Model
from meshwright.schemas.designs import Design


def document(before: Model | None, fact: Fact) -> Any:
    """The document as written, or None when this is its deletion."""
    message: Any = fact.message
    if isinstance(message, ResourceDeleted):
        return None
    if message.document.id != fact.id:
        raise Unprojectable(f"it is {message.document.id} but was published on the subject of {fact.id}")
    return message.document


def number(fact: Fact) -> int:
    """The number of this version; its sequence for versions from before they were counted."""
    message: Any = fact.message
    return int(message.version or fact.seq)


def design_version(before: DesignVersion | None, fact: Fact) -> DesignVersion | None:
    """This version of the design."""
    message: Any = fact.message
    design: Design | None = None if isinstance(message, ResourceDeleted) else message.document
    return DesignVersion(
        id=fact.id,
        version=number(fact),
        design=design,
        principal=message.principal,
        reason=message.reason,
        written_at=fact.time,
    )
