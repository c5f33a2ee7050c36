"""Consul's rules: what it refuses or leaves undone, and what lets more in than it seems.

Invariant: a code keeps its meaning.
"""

from meshwright.schemas.findings import FindingRule, FindingSeverity


def _rule(code: str, severity: FindingSeverity, title: str, explanation: str, remedy: str) -> FindingRule:
    return FindingRule(
        code=code, title=title, severity=severity, explanation=explanation, remedy=remedy, adapter="consul"
    )


RULES = (
    _rule(
        "MW3901",
        "error",
        "Routing of a service without a protocol",
        "A splitter or a router is for a service that Consul takes for TCP, since neither its ServiceDefaults nor the"
        " ProxyDefaults name http, http2 or grpc: Consul refuses it.",
        "Set protocol in the ServiceDefaults of the service, or in the ProxyDefaults, before the routing.",
    ),
    _rule(
        "MW3902",
        "error",
        "Subset that no resolver defines",
        "A splitter or a router names a subset of a service whose ServiceResolver does not define it, or that has none:"
        " Consul refuses it, or answers with 503.",
        "Define the subset in the ServiceResolver of the service.",
    ),
    _rule(
        "MW3903",
        "error",
        "Permissions of requests that Consul does not see",
        "Intentions speak of paths, headers or methods of a service that Consul takes for TCP: they deny every"
        " connection of their source.",
        "Set protocol in the ServiceDefaults of the service, or say action: allow or deny for the whole source.",
    ),
    _rule(
        "MW3904",
        "warning",
        "Permission that is never reached",
        "Of the permissions of a source the first one that matches decides, and one before this matches every request.",
        "Move it before the one that matches everything, or remove it.",
    ),
    _rule(
        "MW3905",
        "error",
        "Weights that are not 100 together",
        "The weights of a splitter must be 100 together, with two decimals at most: Consul refuses it.",
        "Correct the weights.",
    ),
    _rule(
        "MW3906",
        "note",
        "Nothing is denied by default",
        "There are intentions, and none of them denies * to *: whoever no intention names may call, unless the ACLs of"
        " Consul deny by default.",
        "Deny * to * in intentions for the destination *, after everybody is allowed who has to be.",
    ),
    _rule(
        "MW3907",
        "warning",
        "Plain text is taken",
        "The mutual TLS of a service, or of all, is permissive: whoever reaches its pods may speak plain text, and no"
        " intention is asked. Without allowEnablingPermissiveMutualTLS in the Mesh entry, Consul refuses it.",
        "Set mutualTLSMode to strict once all callers have a sidecar.",
    ),
    _rule(
        "MW3908",
        "error",
        "Two resources for one entry",
        "All namespaces share one space of names (the Enterprise edition alone has namespaces), and two resources are"
        " for the same entry: Consul takes the first, and the other is never synced.",
        "Keep one of them.",
    ),
    _rule(
        "MW3909",
        "warning",
        "Injection where the injector does not look",
        "Consul's injector reads consul.hashicorp.com/connect-inject from annotations of pods; as a label, on a"
        " namespace, or on a workload but not on its pods, it does nothing.",
        "Write the annotation in the template of the pods.",
    ),
    _rule(
        "MW3910",
        "warning",
        "Route that is never reached",
        "Of the routes of a router the first one that matches decides, and one before this matches every request.",
        "Move it before the one that matches everything, or remove it.",
    ),
    _rule(
        "MW3911",
        "warning",
        "Intention that is overruled",
        "Intentions for the destination * say one thing of a source, and those of a service another of everybody:"
        " Consul takes those of the exact destination first, so for this service the former do not count.",
        "Name the source in the intentions of the service, too, or leave it out for all.",
    ),
    _rule(
        "MW3912",
        "error",
        "Source that is named twice",
        "Intentions for one destination name the same source twice: Consul refuses the entry.",
        "Keep one of them; what depends on paths, methods or headers is said by its permissions.",
    ),
    _rule(
        "MW3913",
        "error",
        "Entry of the whole mesh by another name",
        "There is one ProxyDefaults, with the name global, and one Mesh, with the name mesh: Consul refuses others.",
        "Give it that name.",
    ),
)
