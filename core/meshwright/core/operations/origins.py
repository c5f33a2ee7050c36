"""Who tells of an operation: its adapter, the API (a cancellation), the scheduler (a verdict), the copied acceptance.

Invariant: these names are those of the subject table; whoever is none of the others is an adapter.
"""

from meshwright.schemas import subjects

API = subjects.API
SCHEDULER = subjects.SCHEDULER
ACCEPTED = subjects.ACCEPTED_ORIGIN
NOT_ADAPTERS = frozenset({API, SCHEDULER, ACCEPTED})
INTERVENING = (API, SCHEDULER)
"""who may end what an adapter runs"""


def subject(workspace: str, origin: str, operation: str) -> str:
    """Where `origin` tells what happens to an operation."""
    return subjects.fill(subjects.EVENTS, workspace=workspace, origin=origin, entity="operation", id=operation)
