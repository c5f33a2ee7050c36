"""Istio's rules about traffic: routing, services, gateways.

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
    # Routing
    _rule(
        "MW3101",
        "error",
        "Referenced resource does not exist",
        "A VirtualService names a host, a port, a subset or a Gateway that does not exist, so its requests fail.",
        "Create what is named, or correct the name. A short host name is looked up in the rule's own namespace.",
        "IST0101",
    ),
    _rule(
        "MW3102",
        "error",
        "VirtualServices with the same host",
        "Two VirtualServices of the mesh gateway define one host where both are visible. Istio uses the older one.",
        "Merge them into one VirtualService, or keep them apart with exportTo.",
        "IST0109",
    ),
    _rule(
        "MW3103",
        "error",
        "Destination needs a port",
        "A destination has several ports and the route does not say which.",
        "Set destination.port.number.",
        "IST0112",
    ),
    _rule(
        "MW3104",
        "warning",
        "Unreachable route",
        "An earlier route matches everything that this one matches, so this one is never used.",
        "Remove the route, move it up, or make its match more specific.",
        "IST0130",
    ),
    _rule(
        "MW3105",
        "note",
        "Match without effect",
        "A match repeats one of an earlier route, or lies within its prefix.",
        "Remove the match, or move its route up.",
        "IST0131",
    ),
    _rule(
        "MW3106",
        "warning",
        "Host is not served by the Gateway",
        "A VirtualService is bound to a Gateway none of whose servers has its host, so the route has no effect there.",
        "Add the host to a server of the Gateway, or bind the VirtualService elsewhere.",
        "IST0132",
    ),
    _rule(
        "MW3107",
        "error",
        "Subset selects no pods",
        "The labels of a subset match no pod of the host, so requests to it fail with 503.",
        "Correct the labels, or remove the subset and the routes to it.",
        "IST0173",
    ),
    _rule(
        "MW3108",
        "warning",
        "DestinationRule of an unknown host",
        "No Service or ServiceEntry has the host of a DestinationRule.",
        "Correct the host; a short name is looked up in the rule's own namespace.",
        "IST0174",
    ),
    _rule(
        "MW3109",
        "warning",
        "Reference to a generated Gateway",
        "A VirtualService is bound to a Gateway that Istio generates from a Kubernetes Gateway and may rename.",
        "Use an HTTPRoute with the Kubernetes Gateway as parent.",
        "IST0165",
    ),
    _rule(
        "MW3110",
        "error",
        "Routing by JWT claim without RequestAuthentication",
        "A route matches a claim of a token, and no RequestAuthentication of the Gateway's pods validates tokens.",
        "Apply a RequestAuthentication to the pods of the Gateway.",
        "IST0149",
    ),
    _rule(
        "MW3111",
        "warning",
        "Route rules without effect at the ingress gateway",
        "A VirtualService of a Gateway routes to a host without a subset; the subsets that another VirtualService"
        " chooses for that host apply inside the mesh only.",
        "Name the subset in the route of the Gateway as well.",
        "IST0140",
    ),
    _rule(
        "MW3112",
        "error",
        "VirtualService that istiod refuses",
        "A VirtualService has no routes, a route that leads nowhere, weights that add up to nothing, or a host or"
        " a gateway that cannot be: istiod's webhook refuses it.",
        "Correct the field that the finding names.",
        "IST0106",
    ),
    # Services
    _rule(
        "MW3301",
        "note",
        "Port name without protocol",
        "A port's name does not begin with a protocol and appProtocol is not set, so the protocol is detected from the"
        " first bytes, which does not work for protocols in which the server speaks first.",
        "Name the port `<protocol>[-suffix]`, such as http-web, or set appProtocol.",
        "IST0118",
    ),
    _rule(
        "MW3302",
        "warning",
        "One port, several protocols",
        "Services that select the same workload use one port with different protocols.",
        "Give the port the same protocol in all of them.",
        "IST0116",
    ),
    _rule(
        "MW3303",
        "warning",
        "One target port, several ports",
        "Services that select the same workload map different ports to one target port.",
        "Use the same port for the same target port.",
        "IST0137",
    ),
    _rule(
        "MW3304",
        "warning",
        "ServiceEntry for TCP without addresses",
        "A ServiceEntry has a port for TCP and no addresses: on that port Istio cannot tell its hosts apart.",
        "Set spec.addresses, or give the port a protocol with a host (HTTP, TLS).",
        "IST0134",
    ),
    _rule(
        "MW3305",
        "warning",
        "ServiceEntries disagree on a protocol",
        "Several ServiceEntries define one host and port with different protocols.",
        "Use the same protocol, or one ServiceEntry.",
        "IST0177",
    ),
    _rule(
        "MW3306",
        "warning",
        "Port name of an ExternalName Service",
        "A port of an ExternalName Service is treated as TCP, which catches traffic of other hosts.",
        "Name the port by its protocol.",
        "IST0150",
    ),
    _rule(
        "MW3307",
        "error",
        "ServiceEntry that istiod refuses",
        "A ServiceEntry has no host, has the host *, or has a host with a wildcard that is to be looked up in DNS.",
        "Name the hosts in full, or give endpoints, or use the resolution NONE.",
        "IST0106",
    ),
    # Gateways and TLS
    _rule(
        "MW3501",
        "error",
        "Gateway selects no pods",
        "No pod has the labels of a Gateway's selector, so nothing listens for it.",
        "Correct the selector, or install a gateway with these labels.",
        "IST0101",
    ),
    _rule(
        "MW3502",
        "error",
        "Gateways with the same host and port",
        "Several Gateways for the same pods have a server with the same port and host.",
        "Merge the servers, or change host or port.",
        "IST0145",
    ),
    _rule(
        "MW3503",
        "warning",
        "Gateway port is not in the Service",
        "A server of a Gateway listens on a port that no Service of its pods forwards to.",
        "Add the port to the Service of the gateway, or use one that it has.",
        "IST0162",
    ),
    _rule(
        "MW3504",
        "warning",
        "One certificate on several Gateways",
        "Several Gateways for the same pods use one certificate: clients that re-use a connection may get 404.",
        "Use one Gateway with the wildcard host, and bind the VirtualServices to it.",
        "IST0138",
    ),
    _rule(
        "MW3505",
        "error",
        "Gateway credential does not exist",
        "The Secret of a Gateway's credentialName is not in the namespace of the gateway's pods, or holds no key pair.",
        "Create a Secret with tls.crt and tls.key in the namespace of the gateway's pods.",
        "IST0161",
        "IST0101",
    ),
    _rule(
        "MW3506",
        "warning",
        "Server certificate is not verified",
        "A DestinationRule originates TLS and has no caCertificates, so any certificate is accepted.",
        "Set caCertificates; for the authorities of the system `system`.",
        "IST0128",
        "IST0129",
    ),
    _rule(
        "MW3507",
        "error",
        "Gateway that istiod refuses",
        "A Gateway has no server, a server without port or with the name of another one's port, or one that ends"
        " TLS without a certificate: istiod's webhook refuses it.",
        "Correct the server that the finding names.",
        "IST0106",
    ),
    _rule(
        "MW3508",
        "error",
        "Gateway credential is not valid",
        "The certificate of a Gateway has ended, cannot be read, or is not that of its key, so clients cannot connect.",
        "Put a valid certificate with its own key into the Secret.",
        "IST0161",
    ),
)
