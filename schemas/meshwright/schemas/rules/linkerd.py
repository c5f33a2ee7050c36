"""Linkerd's rules: what it ignores without a word, and what shuts a port or leads nowhere.

Invariant: a code keeps its meaning.
"""

from meshwright.schemas.findings import FindingRule, FindingSeverity


def _rule(code: str, severity: FindingSeverity, title: str, explanation: str, remedy: str) -> FindingRule:
    return FindingRule(
        code=code, title=title, severity=severity, explanation=explanation, remedy=remedy, adapter="linkerd"
    )


RULES = (
    _rule(
        "MW3801",
        "error",
        "ServiceProfile takes precedence",
        "A service has a ServiceProfile, so Linkerd ignores its HTTPRoutes and GRPCRoutes, and the annotations for"
        " retries, timeouts and failure accrual.",
        "Write what the ServiceProfile says as a route or as annotations, then remove it.",
    ),
    _rule(
        "MW3802",
        "error",
        "Route that Linkerd ignores",
        "A route of a service has a field or a filter that no release of Linkerd carries out: it ignores the whole"
        " route, and requests go on as without it.",
        "Leave the field out, or write it as an annotation where Linkerd has one (as retry.linkerd.io/http).",
    ),
    _rule(
        "MW3803",
        "warning",
        "Server that nobody may reach",
        "A Server denies whoever is not allowed, and no AuthorizationPolicy is for it, for a route of it or for its"
        " namespace: every request to its port is refused.",
        "Allow the callers with an AuthorizationPolicy, or set accessPolicy.",
    ),
    _rule(
        "MW3804",
        "error",
        "Policy for something that is not there",
        "An AuthorizationPolicy or a rate limit targets a Server or a route that does not exist, so it does nothing.",
        "Correct its targetRef, or remove it.",
    ),
    _rule(
        "MW3805",
        "error",
        "Policy requires an authentication that is not there",
        "An AuthorizationPolicy requires a MeshTLSAuthentication or NetworkAuthentication that does not exist, so it"
        " allows nobody.",
        "Correct the reference, or make the authentication.",
    ),
    _rule(
        "MW3806",
        "error",
        "Several Servers for one port",
        "Two Servers select pods by the same labels and name the same port: Linkerd takes one of them for a port of a"
        " pod, and ignores the other with all policies that are for it.",
        "Keep one of them.",
    ),
    _rule(
        "MW3807",
        "warning",
        "Injection that is no annotation or has no such value",
        "Linkerd reads whether to inject from an annotation with the value enabled, ingress or disabled; a label of"
        " that name or another value does nothing.",
        "Write the annotation linkerd.io/inject: enabled on the namespace or on the pods.",
    ),
    _rule(
        "MW3808",
        "error",
        "Route to a Service that is not there",
        "A route of a service leads to a Service that does not exist: Linkerd answers requests for it with 500.",
        "Make the Service, or take it out of the route.",
    ),
)
