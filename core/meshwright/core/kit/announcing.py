"""What an adapter announces of the operations, intents and connections that it has registered.

Invariant: pure functions of what was registered.
"""

import inspect
from collections.abc import Callable, Sequence

from meshwright.core.kit.lifecycle.translating import Translators
from meshwright.core.security import json_schemas
from meshwright.schemas import adapters, operations
from meshwright.schemas.connections import ConnectionSettings, Kubernetes
from meshwright.schemas.documents import jsonschema


def operation(arguments: type[operations.Arguments], handler: Callable[..., object]) -> adapters.OperationSupport:
    """One operation; its summary is the first line of its handler."""
    kind = arguments.kind
    return adapters.OperationSupport(
        name=kind.name,
        version=kind.version,
        mutates=kind.mutates,
        summary=(inspect.getdoc(handler) or "").partition("\n")[0],
        arguments=jsonschema.schema(arguments),
    )


def connection(
    kind: type[ConnectionSettings], rights: Sequence[adapters.AccessRule], *, tested: bool, meshes: bool = True
) -> adapters.ConnectionSupport:
    """One kind of connection, with the rights that the adapter needs there, and whether its meshes live there."""
    settings = json_schemas.closed(jsonschema.schema(kind))
    needed = list(rights) if kind is Kubernetes else []
    return adapters.ConnectionSupport(kind=kind.kind, settings=settings, tested=tested, meshes=meshes, rights=needed)


def intent(
    translators: Translators, kind: str, version: str, proofs: Sequence[adapters.IntentProof] = ()
) -> adapters.IntentSupport:
    """One intent, on a mesh of this version; without a version, on any that is new enough."""
    rule, refused = translators.rules.get(kind), translators.refusal(kind, version)
    return adapters.IntentSupport(
        intent=kind,
        supported=refused is None,
        since=rule.since if rule else "",
        because=refused.because if refused else "",
        instead=refused.instead if refused else "",
        proofs=list(proofs),
    )
