"""Which events somebody wants, and may hear of, by the same words in the event stream and in webhooks.

Invariant: an empty list does not filter; a type is named whole, or by its beginning up to a dot. What may be heard of
follows from one table of roles, however it is asked for.
"""

from collections.abc import Sequence

from meshwright.schemas.access import EVENT_ROLES, ROLE_ORDER, SYSTEM_ENTITIES, Role
from meshwright.schemas.subjects import SYSTEM_WORKSPACE

_HEARD = {
    role: frozenset(entity for entity, least in EVENT_ROLES.items() if ROLE_ORDER.index(least) <= rank)
    for rank, role in enumerate(ROLE_ORDER)
}


def heard_by(role: Role) -> frozenset[str] | None:
    """The entities that this role may hear of; None for an admin, who also hears of what nobody has declared."""
    return None if role == "admin" else _HEARD[role]


def may_hear(role: Role, workspace: str, place: str, entity: str) -> bool:
    """Whether somebody with that role in `workspace` may hear of an entity that lies in the workspace `place`."""
    if place != workspace and (place != SYSTEM_WORKSPACE or entity not in SYSTEM_ENTITIES):
        return False
    heard = heard_by(role)
    return heard is None or entity in heard


def wanted(type: str, entity: str, types: Sequence[str], entities: Sequence[str]) -> bool:
    """Whether an event of this wire type about this kind of entity passes both filters."""
    if types and not any(type == one or type.startswith(one + ".") for one in types):
        return False
    return not entities or entity in entities
