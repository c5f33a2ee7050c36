"""Folding an adapter from the announcements and losses of its workers.

Invariant: `instances` are the live ones; the adapter's capabilities are those of the newest announcement, and stay
readable when no worker is left, until the adapter is forgotten by a user.
"""

from typing import Any

import msgspec

from meshwright.core.operations.records import Fact
from meshwright.schemas.adapters import Adapter, AdapterAnnouncement, AdapterFailed, AdapterForgotten, AdapterLost


def fold(document: Adapter | None, fact: Fact) -> Adapter | None:
    """The adapter after an announcement, a loss, a failure to load; None once it is forgotten."""
    message: Any = fact.message
    before = document or Adapter(id=message.name)
    live = set(before.instances)
    match message:
        case AdapterAnnouncement():
            return Adapter(
                id=message.name,
                version=message.version,
                contract=message.contract,
                meshes=message.meshes,
                operations=message.operations,
                intents=message.intents,
                namespaces=message.namespaces,
                connections=message.connections or [],
                values=message.values,
                imports=message.imports,
                instances=sorted(live | {message.instance}),
            )
        case AdapterForgotten():
            return None
        case AdapterLost():
            return msgspec.structs.replace(before, instances=sorted(live - {message.instance}))
        case AdapterFailed():
            return msgspec.structs.replace(before, failure=message.reason)
    return before
