"""Filters and permissions of events, shared by the event stream and webhooks.

Invariant: an empty list does not filter; a type is given in full, or as a prefix that ends at a dot. One table of roles
decides what may be read, in every interface.
"""

from collections.abc import Sequence

from meshwright.schemas.access import EVENT_ROLES, ROLE_ORDER, SYSTEM_ENTITIES, Role
from meshwright.schemas.subjects import SYSTEM_WORKSPACE

_READABLE = {
    role: frozenset(entity for entity, least in EVENT_ROLES.items() if ROLE_ORDER.index(least) <= rank)
    for rank, role in enumerate(ROLE_ORDER)
}


def readable_by(role: Role) -> frozenset[str] | None:
    """The entities whose events this role may read; None for an admin, who may read all."""
    return None if role == "admin" else _READABLE[role]


def may_read(role: Role, workspace: str, place: str, entity: str) -> bool:
    """Whether a principal with that role in `workspace` may read events about an entity of the workspace `place`."""
    if place != workspace and (place != SYSTEM_WORKSPACE or entity not in SYSTEM_ENTITIES):
        return False
    readable = readable_by(role)
    return readable is None or entity in readable


def passes(type: str, entity: str, types: Sequence[str], entities: Sequence[str]) -> bool:
    """Whether an event of this wire type about this kind of entity passes both filters."""
    if types and not any(type == one or type.startswith(one + ".") for one in types):
        return False
    return not entities or entity in entities
