"""Linkerd's rules: each finds what breaks it at its place, and nothing once that is mended."""

from typing import Any

import pytest

from meshwright.adapters.linkerd.analysis import analyzers
from meshwright.core.kit.analysis import Manifests, from_object


def thing(kind: str, name: str, spec: dict[str, Any], group: str = "policy.linkerd.io/v1alpha1", **meta: Any) -> Any:
    """An object in `shop`."""
    return {"apiVersion": group, "kind": kind, "metadata": {"name": name, "namespace": "shop", **meta}, "spec": spec}


WEB = thing("Service", "web", {"selector": {"app": "web"}}, "v1")
SERVER = thing("Server", "web", {"podSelector": {"matchLabels": {"app": "web"}}, "port": 80})
PROFILE = thing("ServiceProfile", "web.shop.svc.cluster.local", {"routes": []}, "linkerd.io/v1alpha2")
MTLS = thing("MeshTLSAuthentication", "all", {"identities": ["*"]})


def policy(target: str = "web", required: str = "all") -> Any:
    """Who may reach a Server."""
    ref = {"group": "policy.linkerd.io", "kind": "MeshTLSAuthentication", "name": required}
    spec = {"targetRef": {"kind": "Server", "name": target}, "requiredAuthenticationRefs": [ref]}
    return thing("AuthorizationPolicy", "p", spec)


def route(backend: str = "web", **rule: Any) -> Any:
    """A route of `web`."""
    spec = {"parentRefs": [{"kind": "Service", "name": "web"}], "rules": [{"backendRefs": [{"name": backend}], **rule}]}
    return thing("HTTPRoute", "r", spec, "gateway.networking.k8s.io/v1")


def namespace(**meta: Any) -> Any:
    """A namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", **meta}}


def found(*bodies: Any) -> dict[str, str]:
    """The findings by their codes, with the pointers."""
    result = analyzers.run(Manifests(map(from_object, bodies)), complete=True)
    return {each.code: each.location.pointer for each in result.findings}


CASES: list[tuple[str, str, list[Any], list[Any]]] = [
    ("MW3801", "#/spec/parentRefs/0/name", [WEB, route(), PROFILE], [WEB, route()]),
    (
        "MW3801",
        "#/metadata/annotations",
        [thing("Service", "web", {}, "v1", annotations={"retry.linkerd.io/http": "5xx"}), PROFILE],
        [WEB, PROFILE],
    ),
    ("MW3802", "#/spec/rules", [WEB, route(retry={"attempts": 3})], [WEB, route()]),
    ("MW3803", "#/spec/port", [SERVER], [SERVER, policy(), MTLS]),
    ("MW3804", "#/spec/targetRef/name", [SERVER, policy("other"), MTLS], [SERVER, policy(), MTLS]),
    ("MW3805", "#/spec/requiredAuthenticationRefs/0/name", [SERVER, policy()], [SERVER, policy(), MTLS]),
    ("MW3806", "#/spec/port", [SERVER, {**SERVER, "metadata": {"name": "z", "namespace": "shop"}}], [SERVER]),
    (
        "MW3807",
        "#/metadata/labels/linkerd.io~1inject",
        [namespace(labels={"linkerd.io/inject": "enabled"})],
        [namespace(annotations={"linkerd.io/inject": "enabled"})],
    ),
    (
        "MW3807",
        "#/metadata/annotations/linkerd.io~1inject",
        [namespace(annotations={"linkerd.io/inject": "true"})],
        [namespace()],
    ),
    ("MW3808", "#/spec/rules/0/backendRefs/0/name", [WEB, route("web-v9")], [WEB, route()]),
]


def test_every_rule_has_a_case_and_an_analyzer() -> None:
    """Listed means looked for."""
    assert analyzers.unobserved() == set()
    assert {code for code, *_ in CASES} == {each for each in analyzers.rules if each.startswith("MW38")}


@pytest.mark.parametrize(("code", "pointer", "broken", "sound"), CASES, ids=lambda case: str(case)[:30])
def test_a_rule_finds_what_breaks_it(code: str, pointer: str, broken: list[Any], sound: list[Any]) -> None:
    """The finding has its code and place; the same resources as they should be have no such finding."""
    assert found(*broken).get(code) == pointer
    assert code not in found(*sound)
