"""Server, AuthorizationPolicy and what these refer to, as mutual TLS, rate limits, and who may call whom.

Problem: one policy of Linkerd lies in several resources: a Server names pods and a port and says who is let in by
itself, others refer to it by name. Invariant: a policy is read whole or not at all: a condition that was dropped from
it would allow more than it does. A Server counts for its service only where it is for the service's one port.
"""

from meshwright.adapters.linkerd import words
from meshwright.core.kit.importing import Field, Reading, Service, Surroundings
from meshwright.core.kit.importing.fields import Unexpressed
from meshwright.schemas.intents import Allow, AnyIntent, DenyAll, MutualTls, RateLimit

_MODES = {"all-authenticated": "strict", "all-unauthenticated": "permissive"}


def server(reading: Reading, around: Surroundings) -> list[AnyIntent]:
    """Whom a port lets in by itself."""
    spec, said = reading.spec, around.said(reading.ref)
    try:
        service = _service(spec, reading.namespace, around)
    except Unexpressed as error:
        spec.leave(str(error))
        return []
    if other := around.claim("a Server", (service.namespace, service.name), reading.ref):
        spec.leave(f"{other} says it already")
        return []
    policy = spec.at("accessPolicy").text_or("deny")
    wish: AnyIntent
    if policy == "deny":
        wish = DenyAll(service=str(service))
    elif policy in _MODES:
        wish = MutualTls(mode="strict" if _MODES[policy] == "strict" else "permissive", service=str(service))
    else:
        spec.at("accessPolicy").leave(f"no intent lets in {policy}")
        return []
    for key in ("podSelector", "port", "accessPolicy", "proxyProtocol"):
        spec.at(key).express_whole()
    spec.express()
    is_only_needed = policy != "deny" and bool(said)
    return [] if is_only_needed else [wish]


def authorization_policy(reading: Reading, around: Surroundings) -> list[AnyIntent]:
    """Who may call the service of a Server."""
    spec = reading.spec
    try:
        service = _of_server(spec.at("targetRef"), reading.namespace, around)
        callers = [
            name
            for each in spec.at("requiredAuthenticationRefs").items()
            for name in _callers(each, reading.namespace, around)
        ]
        if len(spec.at("requiredAuthenticationRefs").items()) != 1 or not callers:
            raise Unexpressed("an intent allows callers by one MeshTLSAuthentication")
    except Unexpressed as error:
        spec.leave(str(error))
        return []
    spec.express_whole()
    return [Allow(source=each, service=str(service)) for each in callers]


def authentication(reading: Reading, around: Surroundings) -> list[AnyIntent]:
    """It says nothing by itself: policies that name it are read with it."""
    try:
        _accounts(reading.spec, reading.namespace, around)
    except Unexpressed as error:
        reading.spec.leave(str(error))
    else:
        reading.spec.express_whole()
    return []


def rate_limit(reading: Reading, around: Surroundings) -> list[AnyIntent]:
    """The limit of each instance behind a Server."""
    spec = reading.spec
    total = spec.at("total", "requestsPerSecond")
    try:
        service = _of_server(spec.at("targetRef"), reading.namespace, around)
        if total.number is None or spec.others("targetRef", "total"):
            raise Unexpressed("an intent limits all requests together, by whole numbers per second")
    except Unexpressed as error:
        spec.leave(str(error))
        return []
    if other := around.claim("a rate limit", (service.namespace, service.name), reading.ref):
        spec.leave(f"{other} says it already")
        return []
    spec.express_whole()
    manifest = around.manifests.get(words.POLICY, "Server", reading.namespace, spec.at("targetRef", "name").text)
    if manifest:
        around.say(Reading(manifest).spec.at("port"))
    return [RateLimit(service=str(service), requests=total.number)]


def _of_server(target: Field, namespace: str, around: Surroundings) -> Service:
    """The service behind the Server that a policy targets. Raises Unexpressed."""
    if (target.at("group").text, target.at("kind").text) != (words.POLICY, "Server"):
        raise Unexpressed(f"an intent is for a service, and not for a {target.at('kind').text or 'namespace'}")
    manifest = around.manifests.get(words.POLICY, "Server", namespace, target.at("name").text)
    if manifest is None:
        raise Unexpressed(f"there is no Server {target.at('name').text} here")
    return _service(Reading(manifest).spec, namespace, around)


def _service(server: Field, namespace: str, around: Surroundings) -> Service:
    """The service whose one port a Server is for. Raises Unexpressed."""
    labels = server.at("podSelector", "matchLabels").value
    if not isinstance(labels, dict) or server.at("podSelector").others("matchLabels"):
        raise Unexpressed("an intent is for the pods of a service")
    service = around.selected(namespace, labels)
    if service is None:
        raise Unexpressed("there is no one Service here that has this selector")
    if len(service.targets) != 1 or server.at("port").value not in service.targets:
        raise Unexpressed(f"an intent is for all ports of {service}, and this is one of them")
    return service


def _callers(ref: Field, namespace: str, around: Surroundings) -> list[str]:
    if (ref.at("group").text, ref.at("kind").text) != (words.POLICY, "MeshTLSAuthentication"):
        raise Unexpressed("an intent allows callers by their identity in the mesh")
    manifest = around.manifests.get(words.POLICY, "MeshTLSAuthentication", namespace, ref.at("name").text)
    if manifest is None:
        raise Unexpressed(f"there is no MeshTLSAuthentication {ref.at('name').text} here")
    return _accounts(Reading(manifest).spec, namespace, around)


def _accounts(spec: Field, namespace: str, around: Surroundings) -> list[str]:
    """The services that identities stand for. Raises Unexpressed."""
    if spec.others("identityRefs"):
        raise Unexpressed("an intent names callers by their service accounts")
    names = []
    for each in spec.at("identityRefs").items():
        if each.at("kind").text != "ServiceAccount":
            raise Unexpressed("an intent names callers by their service accounts")
        place, account = each.at("namespace").text or namespace, each.at("name").text
        service = around.callers(place, account)
        if service is None:
            raise Unexpressed(f"the service account {place}/{account} is not that of one service that is here")
        names.append(str(service))
    return names
