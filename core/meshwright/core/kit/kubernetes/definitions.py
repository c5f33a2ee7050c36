"""The CustomResourceDefinitions of a cluster, read once for as long as they stay as they are.

Invariant: what is checked against is what the cluster has now: whether a definition has changed is asked each time, and
only a changed one is read. What may not be read is not checked here; the server does it anyway.
"""

import asyncio
from collections.abc import Iterable

import msgspec

from meshwright.core.kit import structural
from meshwright.core.kit.kubernetes import errors
from meshwright.core.kit.kubernetes.discovery import Discovery
from meshwright.core.kit.kubernetes.transport import JSON, Transport

_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_METADATA = f"application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,{JSON}"
_AT_ONCE = 4


class _Meta(msgspec.Struct, frozen=True):
    uid: str = ""
    generation: int = 0


class _Partial(msgspec.Struct, frozen=True):
    metadata: _Meta = _Meta()


class DefinitionReader:
    """Reads the definitions of one cluster, by kind."""

    def __init__(self, transport: Transport, discovery: Discovery) -> None:
        self._transport = transport
        self._discovery = discovery
        self._known: dict[str, tuple[_Meta, structural.Definition]] = {}

    async def of(self, kinds: Iterable[tuple[str, str]]) -> structural.Definitions:
        """The definitions of these kinds (group and kind), without those that are not custom or may not be read.

        Raises Away when the cluster does not answer.
        """
        slots = asyncio.Semaphore(_AT_ONCE)
        definitions: list[structural.Definition] = []

        async def one(group: str, kind: str) -> None:
            async with slots:
                definition = await self._of(group, kind)
                if definition:
                    definitions.append(definition)

        try:
            async with asyncio.TaskGroup() as tasks:
                for group, kind in sorted(set(kinds)):
                    if "." in group:  # a group of the server's own needs no domain
                        tasks.create_task(one(group, kind))
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from several
        return structural.Definitions(definitions)

    async def _of(self, group: str, kind: str) -> structural.Definition | None:
        try:
            api = await self._discovery.api(group, kind)
            name = f"{api.plural}.{group}"
            partial = await self._transport.send("GET", f"{_PATH}/{name}", accept=_METADATA)
            meta = msgspec.json.decode(partial.body, type=_Partial).metadata
            known = self._known.get(name)
            if known and known[0] == meta:
                return known[1]
            whole = await self._transport.send("GET", f"{_PATH}/{name}")
            definition = await asyncio.to_thread(_decoded, whole.body)
        except (errors.Refused, structural.InvalidDefinition):
            return None
        self._known[name] = (meta, definition)
        return definition


def _decoded(body: bytes) -> structural.Definition:
    return structural.definition(msgspec.json.decode(body))
