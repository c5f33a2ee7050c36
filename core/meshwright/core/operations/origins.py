"""The origins of an operation's events: its adapter, the API (cancellation), the scheduler (verdict), the copied
acceptance.

Invariant: these names are those of the subject table; any other origin is an adapter.
"""

from meshwright.schemas import subjects

API = subjects.API
SCHEDULER = subjects.SCHEDULER
ACCEPTED = subjects.ACCEPTED_ORIGIN
NOT_ADAPTERS = frozenset({API, SCHEDULER, ACCEPTED})
INTERVENING = (API, SCHEDULER)
"""origins that may end what an adapter runs"""


def subject(workspace: str, origin: str, operation: str) -> str:
    """The subject on which `origin` publishes the events of an operation."""
    return subjects.fill(subjects.EVENTS, workspace=workspace, origin=origin, entity="operation", id=operation)
