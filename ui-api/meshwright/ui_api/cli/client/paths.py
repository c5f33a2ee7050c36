"""The paths of the REST API, in one place.

Invariant: a name or id in a path is escaped, so it can only ever be one segment of it.
"""

from urllib.parse import quote

CONNECTIONS = "/v1/connections"
MESHES = "/v1/meshes"
WORKLOADS = "/v1/workloads"
PROXIES = "/v1/proxies"
DESIGNS = "/v1/designs"
RELEASES = "/v1/releases"
DRIFT = "/v1/drift"
RESOURCES = "/v1/resources"
FINDINGS = "/v1/findings"
OPERATIONS = "/v1/operations"
DEADLETTERS = "/v1/deadletters"
ADAPTERS = "/v1/adapters"
WORKSPACES = "/v1/workspaces"
TOKENS = "/v1/tokens"
WEBHOOKS = "/v1/webhooks"
EVENTS = "/v1/events"
NAMED = {
    "adapter": ADAPTERS,
    "connection": CONNECTIONS,
    "design": DESIGNS,
    "mesh": MESHES,
    "webhook": WEBHOOKS,
    "workload": WORKLOADS,
}
"""parameters of commands by what they name, where a shell can complete them"""
SESSION_CODES = "/v1/session-codes"

SYSTEM = "/v1/system"
REBUILD = "/v1/system/projection:rebuild"
SET_ASIDE = "/v1/system/set-aside"
WHO = "/v1/whoami"
READY = "/readyz"


def one(collection: str, name: str, rest: str = "") -> str:
    """The path of a resource of a collection, or with `rest` of a part or verb of it (`:apply`, `/versions`)."""
    segment = quote(name, safe="")
    if set(segment) == {"."}:  # these would lead to a parent resource
        segment = segment.replace(".", "%2E")
    return f"{collection}/{segment}{rest}"


def operation(identity: str, verb: str = "") -> str:
    """The path of an operation, or with `verb` of an action on it."""
    return one(OPERATIONS, identity, f":{verb}" if verb else "")
