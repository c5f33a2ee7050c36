"""The kit: what the author of an adapter writes against (see README, "Write an adapter").

Invariant: an adapter needs nothing but this and `meshwright.schemas`; acknowledgements, redelivery, fencing,
order, deadlines and drains are the host's.
"""

from meshwright.core.kit.adapter import CONTRACT, Adapter, DuplicateRegistration
from meshwright.core.kit.base_context import PreviewContext
from meshwright.core.kit.context import Context, Control
from meshwright.core.kit.runtime import OwnServers, Runtime
from meshwright.core.operations.journal import Journal
from meshwright.core.operations.outcomes import Cancelled, Fenced, Reject, Retry, as_failure
from meshwright.core.settings import InvalidSettings

__all__ = [
    "CONTRACT",
    "Adapter",
    "Cancelled",
    "Context",
    "Control",
    "DuplicateRegistration",
    "Fenced",
    "InvalidSettings",
    "Journal",
    "OwnServers",
    "PreviewContext",
    "Reject",
    "Retry",
    "Runtime",
    "as_failure",
]
