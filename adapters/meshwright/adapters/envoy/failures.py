"""Why an operation on an Envoy mesh can fail, in words that help.

    MW2003  there is no such mesh
    MW2005  proxies did not answer in time
    MW2006  a sidecar could not be started
    MW2008  the desired state was changed from outside
    MW2009  the control plane does not serve the desired state
    MW2012  ports of sidecars are taken, or none are free
    MW2013  plain connections are still served
    MW2017  there is no log here
    MW2018  there is no sidecar here to be asked
    MW2019  a sidecar does not answer

Those about designs are the kit's. Invariant: each code is made in one place.
"""

from collections.abc import Mapping

from meshwright.adapters.envoy.xds.statuses import ProxyStatus
from meshwright.core import kit
from meshwright.schemas.errors import Failure

_AGAIN_S = 5.0


def rejected(statuses: Mapping[str, ProxyStatus]) -> kit.Reject:
    """Proxies sent a NACK; the text is Envoy's own."""
    return kit.rejected({name: status.error for name, status in statuses.items()})


def ports_taken(what: str) -> kit.Reject:
    """Ports that sidecars need are in use."""
    return kit.Reject(
        Failure(
            code="MW2012",
            what=what,
            cause="Another program of this host took the port before the sidecar could, or has all of them.",
            remedy="Stop that program, or retry the operation: it chooses other ports.",
            retryable=True,
        )
    )


def no_log(what: str, remedy: str) -> kit.Reject:
    """The log is somewhere else."""
    cause = "A worker reads only what it starts itself, on its own host."
    return kit.Reject(Failure(code="MW2017", what=what, cause=cause, remedy=remedy))


def not_here(name: str) -> kit.Reject:
    """The sidecar is somewhere else, or does not run."""
    return kit.Reject(
        Failure(
            code="MW2018",
            what=f"no sidecar {name} runs on the host of this worker",
            cause="A worker asks only the sidecars that it starts itself; of others it knows what it sent them.",
            remedy="Ask a sidecar of another host itself, at its admin interface there.",
        )
    )


def silent(name: str) -> kit.Retry:
    """The sidecar runs here, and its admin interface does not answer now."""
    return kit.Retry(
        _AGAIN_S,
        Failure(
            code="MW2019",
            what=f"the sidecar {name} does not answer",
            cause="It is starting, stopping, overloaded or frozen.",
            remedy=f"`meshwright logs proxy/{name}` shows what it wrote.",
            retryable=True,
        ),
    )


def no_mesh(mesh: str) -> kit.Reject:
    """The mesh was never installed, or was removed."""
    return kit.Reject(
        Failure(
            code="MW2003",
            what=f"there is no Envoy mesh {mesh}",
            cause="It was never installed, or it was uninstalled meanwhile.",
            remedy="Install the mesh first.",
        )
    )


def unanswered(names: list[str], seconds: float) -> kit.Reject:
    """Connected proxies neither accepted nor rejected."""
    return kit.Reject(
        Failure(
            code="MW2005",
            what=f"{', '.join(names[:10])} did not answer within {seconds:g} s",
            cause="The proxies are connected but overloaded or stuck, for example waiting for a listener's port.",
            remedy="Read the proxies' logs; then retry the operation.",
            retryable=True,
        )
    )


def still_plain(names: list[str], seconds: float) -> kit.Reject:
    """Sidecars still serve connections without TLS although their service is strict."""
    return kit.Reject(
        Failure(
            code="MW2013",
            what=f"{', '.join(names[:10])} still served plain connections after {seconds:g} s",
            cause="The sidecars have the configuration but did not close the connections that were open.",
            remedy="Read the sidecars' logs, close the callers' connections, and apply again.",
            retryable=True,
        )
    )


def meddled(key: str) -> kit.Retry:
    """The desired state was changed other than by operations."""
    return kit.Retry(
        1.0,
        Failure(
            code="MW2008",
            what=f"the desired state of {key} was changed by something other than its operations",
            cause="Another writer has put or deleted the entry in the bucket.",
            remedy="Find that writer, then retry the operation.",
            retryable=True,
        ),
    )


def unserved(what: str) -> kit.Reject:
    """The control plane cannot compile the desired state, or lags far behind."""
    return kit.Reject(
        Failure(
            code="MW2009",
            what=what,
            cause="The control plane could not compile the desired state, or lags behind the bucket.",
            remedy="Read this worker's log for the reason, then retry the operation.",
            retryable=True,
        )
    )


def not_started(what: str) -> kit.Reject:
    """Envoy did not start."""
    return kit.Reject(
        Failure(
            code="MW2006",
            what=what,
            cause="Envoy is not installed, refuses its bootstrap, or its ports are taken.",
            remedy="Read the sidecar's log, free the port or install Envoy, and retry.",
            retryable=True,
        )
    )
