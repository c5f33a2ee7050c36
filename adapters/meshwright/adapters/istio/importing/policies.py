"""PeerAuthentication and AuthorizationPolicy as mutual TLS and who may call whom.

Invariant: a rule is read whole or not at all: a condition that was dropped from it would allow more than it does.
"""

from typing import Any

from meshwright.adapters.istio.importing import mesh_config
from meshwright.adapters.istio.intents.policies import TEMPLATES
from meshwright.core.kit.importing import Field, Reading, Service, Surroundings, values
from meshwright.core.kit.importing.fields import Unexpressed
from meshwright.schemas.intents import Allow, AnyIntent, DenyAll, MutualTls

_MODES = ("STRICT", "PERMISSIVE")
_DRY_RUN = "istio.io/dry-run"


def peer_authentication(reading: Reading, around: Surroundings) -> list[AnyIntent]:
    """Whether plain text is refused, by a service or the whole mesh."""
    mode = reading.spec.at("mtls", "mode")
    if mode.text not in _MODES:
        reading.spec.leave(f"no intent asks for {mode.text or 'what a parent says'}")
        return []
    try:
        service = selected(reading, around)
    except Unexpressed as error:
        reading.spec.leave(str(error))
        return []
    key = (service.namespace, service.name) if service else ("", "")
    if other := around.claim("mutual TLS", key, reading.ref):
        reading.spec.leave(f"{other} says it already")
        return []
    mode.express()
    wanted: Any = mode.text.lower()
    return [MutualTls(mode=wanted, service=str(service) if service else None)]


def authorization_policy(reading: Reading, around: Surroundings) -> list[AnyIntent]:
    """Who may call a service, or that nobody may."""
    spec = reading.spec
    action, rules = spec.at("action"), spec.at("rules")
    if reading.manifest.annotations.get(_DRY_RUN) == "true":
        spec.leave("it is only tried: it refuses nothing")
        return []
    if (action.value or "ALLOW") != "ALLOW":
        spec.leave(f"intents allow, and {action.value} is something else")
        return []
    try:
        service = selected(reading, around)
        if rules.items() and service is None:
            raise Unexpressed("an intent allows calls to one service")
    except Unexpressed as error:
        spec.leave(str(error))
        return []
    action.express()
    if not rules.each():
        rules.express()
        spec.express()
        return [DenyAll(service=str(service) if service else None)]
    intents: list[AnyIntent] = []
    for rule in rules.each():
        try:
            intents += _allows(rule, str(service), around)
        except Unexpressed as error:
            rule.leave(str(error))
        else:
            rule.express_whole()
    if not intents and service is not None:
        spec.leave("nobody of those whom it allows can be named")
    return intents


def selected(reading: Reading, around: Surroundings) -> Service | None:
    """The service that a policy is for; None: the whole mesh. Raises Unexpressed."""
    selector, targets = reading.spec.at("selector"), reading.spec.at("targetRefs").items()
    if reading.spec.at("targetRef"):
        raise Unexpressed("an intent is for one service or the whole mesh, and targetRef means something else")
    service = None
    if len(targets) == 1 and _is_service(targets[0]) and not selector:
        service = around.service(reading.namespace, targets[0].at("name").text)
        for key in ("group", "kind", "name"):
            targets[0].at(key).express()
    elif isinstance(labels := selector.at("matchLabels").value, dict) and labels and not targets:
        service = around.selected(reading.namespace, labels)
        selector.at("matchLabels").express_whole()
    elif selector.value in (None, {}) and not targets:
        if reading.namespace == mesh_config.root(around):
            selector.express()
            return None
        raise Unexpressed("an intent is for one service or the whole mesh, not a namespace")
    if service is None:
        raise Unexpressed("there is no Service here that has this selector")
    return service


def _is_service(target: Field) -> bool:
    return target.at("kind").text == "Service" and (target.at("group").value or "") in ("", "core")


def _allows(rule: Field, service: str, around: Surroundings) -> list[AnyIntent]:
    if rule.others("from", "to"):
        raise Unexpressed("an intent allows callers, methods and paths, and nothing by other conditions")
    names = [name for each in rule.at("from").items() for name in _callers(each, around)]
    if not names:
        raise Unexpressed("an intent names one calling service by its service account")
    allowed = [_operation(each) for each in rule.at("to").items()] or [([], [])]
    intents: list[AnyIntent] = [
        Allow(source=name, service=service, methods=methods, path_prefixes=prefixes)
        for methods, prefixes in allowed
        for name in names
    ]
    if wrong := next((text for each in intents if (text := values.problem(each))), ""):
        raise Unexpressed(f"as an intent it is not allowed: {wrong}")
    return intents


def _callers(source: Field, around: Surroundings) -> list[str]:
    if source.others("source") or source.at("source").others("principals"):
        raise Unexpressed("an intent names one calling service by its service account")
    names = []
    for principal in source.at("source", "principals").texts():
        parts = principal.split("/")
        service = around.callers(parts[2], parts[4]) if _is_account(parts, around) else None
        if service is None:
            raise Unexpressed(f"{principal} is not the identity of one service that is here")
        names.append(str(service))
    if not names:
        raise Unexpressed("an intent names one calling service by its service account")
    return names


def _is_account(parts: list[str], around: Surroundings) -> bool:
    """Whether it is one of the mesh itself."""
    return len(parts) == 5 and (parts[1], parts[3]) == ("ns", "sa") and parts[0] in mesh_config.trust_domains(around)


def _operation(place: Field) -> tuple[list[str], list[str]]:
    operation = place.at("operation")
    if place.others("operation") or operation.others("methods", "paths") or not isinstance(operation.value, dict):
        raise Unexpressed("an intent allows methods and beginnings of paths")
    methods, paths = operation.at("methods").texts(), operation.at("paths").texts()
    if any(not each.startswith("/") or not each.endswith("*") for each in paths):
        raise Unexpressed("an intent allows beginnings of paths, as in /api*")
    if any(template in each for template in TEMPLATES for each in paths):
        raise Unexpressed("an intent allows beginnings of paths, and no templates")
    if "*" in methods:
        methods = []
    return methods, [each.removesuffix("*") for each in paths]
