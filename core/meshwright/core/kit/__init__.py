"""The kit: what the author of an adapter writes against (see README, "Write an adapter").

Invariant: an adapter needs nothing but this and `meshwright.schemas`; acknowledgements, redelivery, fencing,
order, deadlines and drains are the host's.
"""

from meshwright.core.kit.adapter import CONTRACT, Adapter, DuplicateRegistration
from meshwright.core.kit.adoption import Adoption, detect
from meshwright.core.kit.adoption.failures import not_adopted
from meshwright.core.kit.base_context import PreviewContext
from meshwright.core.kit.connections import ConnectionChange, OpenConnection
from meshwright.core.kit.context import Context, Control
from meshwright.core.kit.lifecycle.connected import ConnectedTarget, by_connection
from meshwright.core.kit.lifecycle.failures import plan_gone, rejected, unfit
from meshwright.core.kit.lifecycle.kept import KeptPlans, applied_designs, forget_designs
from meshwright.core.kit.proofs import proofs
from meshwright.core.kit.runtime import OwnServers, Runtime
from meshwright.core.kit.status import MeshStatus, forget_mesh, tell_mesh, told_mesh
from meshwright.core.kit.target import (
    Attempt,
    Change,
    ConnectionScope,
    Draft,
    DryRun,
    Facts,
    MeshRef,
    Scope,
    Target,
    changes,
)
from meshwright.core.operations.journal import Journal
from meshwright.core.operations.outcomes import Cancelled, Fenced, Reject, Retry, as_failure
from meshwright.core.settings import InvalidSettings

__all__ = [
    "CONTRACT",
    "Adapter",
    "Adoption",
    "Attempt",
    "Cancelled",
    "Change",
    "ConnectedTarget",
    "ConnectionChange",
    "ConnectionScope",
    "Context",
    "Control",
    "Draft",
    "DryRun",
    "DuplicateRegistration",
    "Facts",
    "Fenced",
    "InvalidSettings",
    "Journal",
    "KeptPlans",
    "MeshRef",
    "MeshStatus",
    "OpenConnection",
    "OwnServers",
    "PreviewContext",
    "Reject",
    "Retry",
    "Runtime",
    "Scope",
    "Target",
    "applied_designs",
    "as_failure",
    "by_connection",
    "changes",
    "detect",
    "forget_designs",
    "forget_mesh",
    "not_adopted",
    "plan_gone",
    "proofs",
    "rejected",
    "tell_mesh",
    "told_mesh",
    "unfit",
]
