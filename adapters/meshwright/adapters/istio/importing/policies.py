"""PeerAuthentication and AuthorizationPolicy as mutual TLS and who may call whom.

Invariant: a rule is read whole or not at all: a condition that was dropped from it would allow more than it does.
"""

from typing import Any

from meshwright.adapters.istio.facts import ROOT
from meshwright.core.kit.importing import Field, Reading, Service, Surroundings, values
from meshwright.core.kit.importing.fields import Unexpressed
from meshwright.schemas.intents import Allow, AnyIntent, DenyAll, MutualTls

_MODES = ("STRICT", "PERMISSIVE")


def peer_authentication(reading: Reading, around: Surroundings) -> list[AnyIntent]:
    """Whether plain text is refused, by a service or the whole mesh."""
    mode = reading.spec.at("mtls", "mode")
    if mode.text not in _MODES:
        reading.spec.leave(f"no intent asks for {mode.text or 'what a parent says'}")
        return []
    try:
        service = _selected(reading, around)
    except Unexpressed as error:
        reading.spec.leave(str(error))
        return []
    mode.express()
    wanted: Any = mode.text.lower()
    return [MutualTls(mode=wanted, service=str(service) if service else None)]


def authorization_policy(reading: Reading, around: Surroundings) -> list[AnyIntent]:
    """Who may call a service, or that nobody may."""
    spec = reading.spec if reading.spec.value else reading.at("spec")
    action, rules = spec.at("action"), spec.at("rules")
    if (action.value or "ALLOW") != "ALLOW":
        spec.leave(f"intents allow, and {action.value} is something else")
        return []
    try:
        service = _selected(reading, around)
        if service is None and rules.value:
            raise Unexpressed("an intent allows calls to one service")
    except Unexpressed as error:
        spec.leave(str(error))
        return []
    action.express()
    if not rules.value:
        rules.express()
        if not spec.entries():
            spec.express()
        return [DenyAll(service=str(service) if service else None)]
    intents: list[AnyIntent] = []
    for rule in rules.each():
        try:
            intents += _allows(rule, str(service), around)
        except Unexpressed as error:
            rule.leave(str(error))
        else:
            rule.express()
    if not intents and service is not None:
        spec.leave("nobody of those whom it allows can be named")
    return intents


def _selected(reading: Reading, around: Surroundings) -> Service | None:
    """The service that a policy is for; None: the whole mesh. Raises Unexpressed."""
    selector, targets = reading.spec.at("selector"), reading.spec.at("targetRefs").each()
    service = None
    if len(targets) == 1 and targets[0].at("kind").text == "Service":
        service = around.service(reading.namespace, targets[0].at("name").text)
        targets[0].express()
    elif isinstance(labels := selector.at("matchLabels").value, dict) and labels and not targets:
        service = around.selected(reading.namespace, labels)
        selector.at("matchLabels").express()
    elif not selector.value and not targets:
        if reading.namespace == ROOT:
            return None
        raise Unexpressed("an intent is for one service or the whole mesh, not a namespace")
    if service is None:
        raise Unexpressed("there is no Service here that has this selector")
    return service


def _allows(rule: Field, service: str, around: Surroundings) -> list[AnyIntent]:
    if rule.others("from", "to"):
        raise Unexpressed("an intent allows callers, methods and paths, and nothing by other conditions")
    names = [name for each in rule.at("from").each() for name in _callers(each, around)]
    if not names:
        raise Unexpressed("an intent names one calling service by its service account")
    allowed = [_operation(each) for each in rule.at("to").each()] or [([], [])]
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
    for principal in source.at("source", "principals").each():
        parts = principal.text.split("/")
        service = around.callers(parts[2], parts[4]) if _is_account(parts) else None
        if service is None:
            raise Unexpressed(f"{principal.text} is not the identity of one service that is here")
        names.append(str(service))
    if not names:
        raise Unexpressed("an intent names one calling service by its service account")
    return names


def _is_account(parts: list[str]) -> bool:
    return len(parts) == 5 and parts[1] == "ns" and parts[3] == "sa"


def _operation(place: Field) -> tuple[list[str], list[str]]:
    operation = place.at("operation")
    if place.others("operation") or operation.others("methods", "paths"):
        raise Unexpressed("an intent allows methods and beginnings of paths")
    methods = [each.text for each in operation.at("methods").each()]
    paths = [each.text for each in operation.at("paths").each()]
    if any(not each.startswith("/") or not each.endswith("*") for each in paths):
        raise Unexpressed("an intent allows beginnings of paths, as in /api*")
    if "*" in methods:
        methods = []
    return methods, [each.removesuffix("*") for each in paths]
