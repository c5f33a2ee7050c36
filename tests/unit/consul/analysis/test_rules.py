"""Consul's rules: each finds what breaks it at its place, and nothing once that is mended."""

from typing import Any

import pytest

from meshwright.adapters.consul.analysis import analyzers
from meshwright.adapters.consul.control_plane.entries import ref_of
from meshwright.adapters.consul.importing.manifests import of_entry
from meshwright.core.kit.analysis import Manifests, from_object
from meshwright.core.kit.http_control_plane import Entry
from meshwright.schemas.rules import CONSUL


def thing(kind: str, spec: dict[str, Any], name: str = "web", namespace: str = "shop") -> Any:
    """An entry as a resource."""
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "consul.hashicorp.com/v1alpha1", "kind": kind, "metadata": meta, "spec": spec}


def workload(pods: dict[str, Any], **meta: Any) -> Any:
    """A Deployment."""
    spec = {"template": {"metadata": pods, "spec": {"containers": []}}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop", **meta},
            "spec": spec}  # fmt: skip


def split(*weights: float, subset: str = "v1") -> Any:
    """A splitter."""
    return thing("ServiceSplitter", {"splits": [{"weight": each, "serviceSubset": subset} for each in weights]})


def intentions(*sources: dict[str, Any], of: str = "web", name: str = "web") -> Any:
    """Who may call."""
    return thing("ServiceIntentions", {"destination": {"name": of}, "sources": list(sources)}, name)


def router(*routes: dict[str, Any]) -> Any:
    """A router."""
    return thing("ServiceRouter", {"routes": list(routes)})


HTTP, TCP = thing("ServiceDefaults", {"protocol": "http"}), thing("ServiceDefaults", {"protocol": "tcp"})
COMMON = thing("ProxyDefaults", {"config": {"protocol": "grpc"}}, "global")
SUBSETS = thing("ServiceResolver", {"subsets": {"v1": {"filter": "x"}}})
NOBODY = intentions({"name": "*", "action": "deny"}, of="*", name="all")
ALLOWED = intentions({"name": "*", "action": "deny"}, {"name": "a", "action": "allow"}, of="*", name="all")
ALL = {"action": "allow", "http": {"pathPrefix": "/"}}
SOME = {"action": "deny", "http": {"pathPrefix": "/admin"}}
TOKEN = {"jwt": {"providers": [{"name": "okta"}]}}
FAILOVER = {"subsets": {"v1": {"filter": "x"}}, "failover": {"*": {"serviceSubset": "v2"}}}
BY_PATH = {"match": {"http": {"pathPrefix": "/admin"}}}
MARK = {"consul.hashicorp.com/connect-inject": "true"}
PATH = "consul.hashicorp.com~1connect-inject"


def found(*bodies: Any) -> dict[str, str]:
    """The findings by their codes, with the pointers."""
    result = analyzers.run(Manifests(map(from_object, bodies)), complete=True)
    return {each.code: each.location.pointer for each in result.findings}


CASES: list[tuple[str, str, list[Any], list[Any]]] = [
    ("MW3901", "#/metadata/name", [SUBSETS, split(100), TCP], [SUBSETS, split(100), HTTP]),
    ("MW3901", "#/metadata/name", [SUBSETS, split(100)], [SUBSETS, split(100), COMMON]),
    (
        "MW3902",
        "#/spec/splits/0/serviceSubset",
        [HTTP, SUBSETS, split(100, subset="v2")],
        [HTTP, SUBSETS, split(100)],
    ),
    (
        "MW3903",
        "#/spec/sources/0/permissions",
        [NOBODY, TCP, intentions({"name": "a", "permissions": [ALL]})],
        [NOBODY, HTTP, intentions({"name": "a", "permissions": [ALL]})],
    ),
    (
        "MW3904",
        "#/spec/sources/0/permissions/1",
        [NOBODY, HTTP, intentions({"name": "a", "permissions": [ALL, SOME]})],
        [NOBODY, HTTP, intentions({"name": "a", "permissions": [SOME, ALL]})],
    ),
    ("MW3905", "#/spec/splits", [HTTP, SUBSETS, split(60, 30)], [HTTP, SUBSETS, split(66.67, 33.33)]),
    (
        "MW3906",
        "#/spec",
        [intentions({"name": "a", "action": "allow"})],
        [NOBODY, intentions({"name": "a", "action": "allow"})],
    ),
    (
        "MW3907",
        "#/spec/mutualTLSMode",
        [thing("ServiceDefaults", {"mutualTLSMode": "permissive"})],
        [thing("ServiceDefaults", {"mutualTLSMode": "strict"})],
    ),
    (
        "MW3908",
        "#/metadata/name",
        [HTTP, thing("ServiceDefaults", {"protocol": "http"}, namespace="bank")],
        [HTTP, thing("ServiceDefaults", {"protocol": "http"}, name="api", namespace="bank")],
    ),
    (
        "MW3908",
        "#/metadata/name",
        [NOBODY, intentions({"name": "a", "action": "allow"}), intentions({"name": "b", "action": "deny"}, name="two")],
        [NOBODY, intentions({"name": "a", "action": "allow"})],
    ),
    ("MW3909", f"#/metadata/annotations/{PATH}", [workload({}, annotations=MARK)], [workload({"annotations": MARK})]),
    (
        "MW3909",
        f"#/spec/template/metadata/labels/{PATH}",
        [workload({"labels": MARK})],
        [workload({"annotations": MARK}, annotations=MARK)],
    ),
    (
        "MW3902",
        "#/spec/failover/*/serviceSubset",
        [thing("ServiceResolver", FAILOVER)],
        [thing("ServiceResolver", {**FAILOVER, "failover": {"*": {"serviceSubset": "v1"}}})],
    ),
    ("MW3910", "#/spec/routes/1", [HTTP, router({}, BY_PATH)], [HTTP, router(BY_PATH, {})]),
    (
        "MW3911",
        "#/spec/sources/1",
        [ALLOWED, intentions({"name": "*", "action": "deny"})],
        [ALLOWED, intentions({"name": "*", "action": "deny"}, {"name": "a", "action": "allow"})],
    ),
    (
        "MW3912",
        "#/spec/sources/1/name",
        [NOBODY, intentions({"name": "a", "action": "allow"}, {"name": "a", "action": "deny"})],
        [NOBODY, intentions({"name": "a", "action": "allow"}, {"name": "a", "action": "deny", "peer": "dc2"})],
    ),
    ("MW3913", "#/metadata/name", [thing("Mesh", {}, "all")], [thing("Mesh", {}, "mesh")]),
]

SOUND: dict[str, list[Any]] = {
    "a permission for whoever has a token": [
        NOBODY, HTTP, intentions({"name": "a", "permissions": [{**ALL, **TOKEN}, SOME]})
    ],
    "a subset in another namespace": [
        HTTP, SUBSETS,
        thing("ServiceSplitter", {"splits": [{"weight": 100, "serviceSubset": "v9", "namespace": "bank"}]}),
    ],
    "the same action for everybody": [ALLOWED, intentions({"name": "*", "action": "allow"})],
}  # fmt: skip
"""what is close to being broken, and is not"""


@pytest.mark.parametrize(("code", "pointer", "broken", "mended"), CASES)
def test_a_rule_is_told_at_its_place(code: str, pointer: str, broken: list[Any], mended: list[Any]) -> None:
    """One finding of the code where it is broken, none of any where it is mended."""
    assert found(*broken) == {code: pointer}
    assert found(*mended) == {}


def test_every_rule_has_a_case() -> None:
    """No page is without something that leads to it."""
    assert {case[0] for case in CASES} == {each.code for each in CONSUL}


def test_an_entry_behind_consuls_own_api_is_looked_at_alike() -> None:
    """The same rules, in the same words."""
    body = {"Kind": "service-splitter", "Name": "web", "Splits": [{"Weight": 60, "ServiceSubset": "v1"}]}
    entry = of_entry(ref_of("service-splitter", "web"), Entry(body=body))
    result = analyzers.run(Manifests([entry]), complete=True)
    assert {each.code for each in result.findings} == {"MW3901", "MW3902", "MW3905"}


@pytest.mark.parametrize("bodies", SOUND.values(), ids=SOUND.keys())
def test_what_only_looks_broken_is_not_told(bodies: list[Any]) -> None:
    """No finding of any rule."""
    assert found(*bodies) == {}


def test_a_file_beside_what_consul_itself_has_is_one_entry() -> None:
    """Behind Consul's own API an entry has no namespace: a file of it changes it, and is no second one."""
    entry = of_entry(ref_of("service-defaults", "web"), Entry(body={"Kind": "service-defaults", "Name": "web"}))
    result = analyzers.run(Manifests([entry, from_object(HTTP)]), complete=True)
    assert result.findings == []
