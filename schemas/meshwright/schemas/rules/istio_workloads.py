"""Istio's rules about workloads and the cluster: injection, policies, EnvoyFilters, webhooks.

Invariant: a code keeps its meaning; `equivalents` are the codes of `istioctl analyze` for the same.
"""

from meshwright.schemas.findings import FindingRule, FindingSeverity


def _rule(
    code: str, severity: FindingSeverity, title: str, explanation: str, remedy: str, *equivalents: str
) -> FindingRule:
    return FindingRule(
        code=code,
        title=title,
        severity=severity,
        explanation=explanation,
        remedy=remedy,
        equivalents=list(equivalents),
        adapter="istio",
    )


RULES = (
    # Injection
    _rule(
        "MW3201",
        "note",
        "Namespace is not in the mesh",
        "A namespace has no label for sidecar injection or ambient mode.",
        "Label it istio-injection=enabled or istio.io/dataplane-mode=ambient; istio-injection=disabled says that"
        " it shall stay out.",
        "IST0102",
    ),
    _rule(
        "MW3202",
        "warning",
        "Pod without sidecar",
        "A pod of a namespace with injection has no istio-proxy container: it was started before the label was set.",
        "Restart the workload.",
        "IST0103",
    ),
    _rule(
        "MW3203",
        "warning",
        "Several injection labels",
        "A namespace has more than one label for injection or ambient mode; istio-injection wins over istio.io/rev.",
        "Keep one of them.",
        "IST0123",
    ),
    _rule(
        "MW3204",
        "warning",
        "Runs as the proxy's user",
        "A container runs as user 1337, whose traffic is not redirected to the sidecar.",
        "Run it as another user.",
        "IST0144",
    ),
    _rule(
        "MW3205",
        "error",
        "image: auto without injection",
        "A workload has the image `auto`, which injection replaces, and lies in a namespace without injection.",
        "Enable injection for the namespace or the pod.",
        "IST0146",
        "IST0147",
    ),
    _rule(
        "MW3206",
        "warning",
        "Sidecar of another release",
        "The proxies of a namespace have another image than the one that is injected now: the control plane was"
        " upgraded, and the pods were not restarted.",
        "Restart the workloads of the namespace.",
        "IST0158",
    ),
    _rule(
        "MW3207",
        "warning",
        "Annotation that Istio does not know",
        "An annotation is in a domain of Istio, and Istio has none of that name: it has no effect.",
        "Correct the name.",
        "IST0108",
    ),
    _rule(
        "MW3208",
        "warning",
        "Annotation in the wrong place",
        "An annotation of Istio is on a kind of resource on which it has no effect, such as a pod's on a Deployment.",
        "Move it: what is for pods belongs into the template of the workload.",
        "IST0107",
    ),
    _rule(
        "MW3209",
        "warning",
        "Annotation with a value that cannot be",
        "Istio cannot read the value of an annotation: the pod is not injected, or the annotation is ignored.",
        "Correct the value as the finding says.",
        "IST0125",
    ),
    _rule(
        "MW3210",
        "note",
        "Annotation that is out of use",
        "Istio has given up an annotation, and a coming release may not read it.",
        "Use what the finding names in its place.",
        "IST0135",
    ),
    # Selectors and policies
    _rule(
        "MW3401",
        "error",
        "Sidecars of the same workload",
        "Several Sidecar resources select the same pod; which one counts is undefined.",
        "Keep one for each workload.",
        "IST0110",
    ),
    _rule(
        "MW3402",
        "error",
        "Several Sidecars without selector",
        "A namespace has several Sidecar resources without a workload selector.",
        "Keep one, and give the others a selector.",
        "IST0111",
    ),
    _rule(
        "MW3403",
        "error",
        "Telemetries of the same workload",
        "Several Telemetry resources select the same pod; which one counts is undefined.",
        "Keep one for each workload.",
        "IST0159",
    ),
    _rule(
        "MW3404",
        "error",
        "Several Telemetries without selector",
        "A namespace has several Telemetry resources without a selector.",
        "Keep one, and give the others a selector.",
        "IST0160",
    ),
    _rule(
        "MW3405",
        "warning",
        "Policy of no workload",
        "A policy, a Sidecar or a Telemetry selects no pod, so it has no effect.",
        "Correct the labels of the selector.",
        "IST0127",
        "IST0101",
    ),
    _rule(
        "MW3406",
        "error",
        "Policy names an unknown namespace",
        "An AuthorizationPolicy names a namespace that does not exist as a source.",
        "Correct the name.",
        "IST0101",
    ),
    _rule(
        "MW3407",
        "warning",
        "Selector without effect on a Kubernetes Gateway",
        "A policy selects the pods of a Kubernetes Gateway by label; Istio attaches policies to these by targetRefs.",
        "Use spec.targetRefs with the Gateway.",
        "IST0166",
    ),
    _rule(
        "MW3408",
        "warning",
        "Sidecar in ambient mode",
        "A Sidecar configures the proxies of pods, and the pods that it is for are in ambient mode, where they"
        " have none.",
        "Remove it, or take the pods out of ambient mode.",
        "IST0167",
    ),
    _rule(
        "MW3409",
        "error",
        "Sidecar without content",
        "A Sidecar has neither ingress nor egress nor an outboundTrafficPolicy: istiod's webhook refuses it.",
        "Say what it is for, or remove it.",
        "IST0106",
    ),
    _rule(
        "MW3410",
        "error",
        "Selector together with targetRefs",
        "A policy says by labels and by targetRefs what it is for: istiod's webhook refuses it.",
        "Keep one of them.",
        "IST0106",
    ),
    _rule(
        "MW3411",
        "warning",
        "Telemetry without provider",
        "A Telemetry asks for access logs and names no provider, so that it is ignored.",
        "Name a provider of meshConfig.extensionProviders.",
        "IST0157",
    ),
    _rule(
        "MW3412",
        "note",
        "Keys for tokens are fetched from anywhere",
        "RequestAuthentications have istiod fetch keys, and nothing limits which addresses it may ask.",
        "Set BLOCKED_CIDRS_IN_JWKS_URIS on istiod to the networks that it shall not ask.",
        "IST0175",
    ),
    # EnvoyFilter
    _rule(
        "MW3601",
        "warning",
        "EnvoyFilter depends on order",
        "A patch is relative to what other EnvoyFilters or releases of Istio put there, and has no priority.",
        "Use INSERT_FIRST or ADD, or set spec.priority.",
        "IST0151",
        "IST0155",
    ),
    _rule(
        "MW3602",
        "error",
        "Operation is ignored",
        "Istio takes REPLACE for HTTP_FILTER, NETWORK_FILTER and VIRTUAL_HOST only; ADD and REMOVE do nothing for"
        " ROUTE_CONFIGURATION and HTTP_ROUTE.",
        "Use another operation: MERGE or INSERT_FIRST for routes.",
        "IST0152",
        "IST0153",
        "IST0154",
    ),
    _rule(
        "MW3603",
        "error",
        "EnvoyFilter that istiod refuses",
        "A patch has no content, or its match is for another kind of object than the patch.",
        "Give it a patch, and the match that belongs to its applyTo.",
        "IST0106",
    ),
    _rule(
        "MW3604",
        "note",
        "EnvoyFilter",
        "An EnvoyFilter writes into the configuration that Istio makes for Envoy, which may look different in any"
        " release.",
        "Use another resource where one says the same, and try each upgrade with it first.",
        "IST0133",
    ),
    # What the cluster says
    _rule(
        "MW3701",
        "warning",
        "Condition with a negative status",
        "A controller reports in the status that a resource was not accepted or not put into effect.",
        "Read the condition's message.",
        "IST0171",
    ),
    _rule(
        "MW3702",
        "warning",
        "Gateway API is older than Istio takes",
        "A definition of the Gateway API is of a release that Istio does not read, so resources of its kind do"
        " nothing.",
        "Install the definitions of a newer release of the Gateway API.",
        "IST0176",
        "IST0156",
        "IST0172",
    ),
    _rule(
        "MW3703",
        "warning",
        "Field that is out of use",
        "Istio reads a field no longer, or will not in a coming release.",
        "Use what the finding names in its place.",
        "IST0002",
    ),
    _rule(
        "MW3704",
        "error",
        "Webhook of Istio that cannot work",
        "A webhook of Istio leads to a Service that does not exist or to nothing, or another one is asked about"
        " the same pods, so that they are injected twice or not at all.",
        "Remove the webhook that is left over, or correct it.",
        "IST0139",
        "IST0163",
    ),
    _rule(
        "MW3705",
        "note",
        "Webhook leads to an IP address",
        "A webhook of Istio names its control plane by an IP address, which no certificate vouches for when the"
        " address changes.",
        "Use a host name.",
        "IST0164",
    ),
)
