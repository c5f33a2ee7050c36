"""Which events somebody wants, by the same words in the event stream and in webhooks.

Invariant: an empty list does not filter; a type is named whole, or by its beginning up to a dot.
"""

from collections.abc import Sequence


def wanted(type: str, entity: str, types: Sequence[str], entities: Sequence[str]) -> bool:
    """Whether an event of this wire type about this kind of entity passes both filters."""
    if types and not any(type == one or type.startswith(one + ".") for one in types):
        return False
    return not entities or entity in entities
