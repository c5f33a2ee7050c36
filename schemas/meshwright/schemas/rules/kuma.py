"""Kuma's rules: what it ignores or merges without a word, and what leads nowhere.

Invariant: a code keeps its meaning.
"""

from meshwright.schemas.findings import FindingRule, FindingSeverity


def _rule(code: str, severity: FindingSeverity, title: str, explanation: str, remedy: str) -> FindingRule:
    return FindingRule(
        code=code, title=title, severity=severity, explanation=explanation, remedy=remedy, adapter="kuma"
    )


RULES = (
    _rule(
        "MW3951",
        "error",
        "Policy for requests on a port that carries bytes",
        "A MeshHTTPRoute, MeshRetry or MeshFaultInjection is for a Service none of whose ports says that it speaks"
        " HTTP: Kuma carries its bytes, and does nothing of the policy.",
        "Set appProtocol: http (or http2, grpc) on the port of the Service.",
    ),
    _rule(
        "MW3952",
        "error",
        "Service of a policy is not there",
        "A policy or a route names a MeshService for which there is no Service: the policy does nothing, and a route"
        " answers its requests with 500 from Kuma 3.0 on.",
        "Correct the name or the labels (kuma.io/display-name, k8s.kuma.io/namespace), or make the Service.",
    ),
    _rule(
        "MW3953",
        "warning",
        "Mark that the injector does not read",
        "kuma.io/sidecar-injection is an annotation, has a value that the injector does not know, or is on pods of a"
        " namespace without the label: the pods get no proxy.",
        "Set the label to enabled or disabled, on the namespace, too.",
    ),
    _rule(
        "MW3954",
        "warning",
        "Two policies of one kind for the same service",
        "Two policies of one kind in one namespace name the same service: Kuma merges them, and of what both say the"
        " one whose name comes first counts.",
        "Keep one of them.",
    ),
    _rule(
        "MW3955",
        "error",
        "Permission in a mesh without identities",
        "A MeshTrafficPermission or MeshTLS is of a mesh that has neither a MeshIdentity nor Mesh.mtls: Kuma enforces"
        " neither, and everybody may call everybody.",
        "Give the mesh identities: an intent mutual-tls for the whole mesh does.",
    ),
)
