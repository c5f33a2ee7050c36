"""What is wrong with a Kuma is told with what to do, by the objects of its real rendered installation."""

from typing import Any

import pytest

from meshwright.adapters.kuma import checks, detecting, observing, planes
from meshwright.schemas.meshes import Condition
from rig.kuma import schemas

Body = dict[str, Any]
SERVED = {*checks.KINDS}


def conditions(bodies: list[Body], served: set[tuple[str, str]] = SERVED) -> dict[str, Condition]:
    """The conditions of the one control plane of these objects."""
    (found,) = detecting.detect(bodies, served)
    return {each.type: each for each in found.conditions}


def of(bodies: list[Body], kind: str) -> Body:
    """The first object of a kind."""
    return next(each for each in bodies if each["kind"] == kind)


def test_the_real_installation_is_well() -> None:
    """All that its chart renders is as it shall be."""
    assert {each.status for each in conditions(schemas.running()).values()} == {"True"}


def test_what_is_wrong_is_told_with_what_to_do() -> None:
    """A control plane that is down, definitions that are missing, webhooks that ask elsewhere, no mesh, no CNI."""
    bodies = schemas.running()
    of(bodies, "Deployment")["status"] = {}
    environment = of(bodies, "Deployment")["spec"]["template"]["spec"]["containers"][0]["env"]
    for each in environment:
        if each["name"].endswith("CNI_ENABLED"):
            each["value"] = "true"
    of(bodies, "MutatingWebhookConfiguration")["webhooks"][0]["clientConfig"]["service"]["namespace"] = "other"
    bodies.remove(of(bodies, "Mesh"))
    told = conditions(bodies, SERVED - {("kuma.io", "MeshTLS")})
    assert {name for name, each in told.items() if each.status == "False"} == {
        *("ControlPlaneReady", "DefinitionsInstalled", "WebhooksConfigured", "MeshesDefined", "CniReady"),
    }
    assert "kubectl -n kuma-system get events,pods" in told["ControlPlaneReady"].message
    assert "MeshTLS" in told["DefinitionsInstalled"].message
    assert "asks in other" in told["WebhooksConfigured"].message


def test_a_zone_that_is_away_is_named() -> None:
    """Of a global control plane each zone with its own connection."""
    zones: list[Body] = [
        *({"kind": "Zone", "metadata": {"name": name}} for name in ("east", "west")),
        {"kind": "ZoneInsight", "metadata": {"name": "east"}, "spec": {"subscriptions": [{"id": "1"}]}},
    ]
    told = conditions([*schemas.running(), *zones])["ZonesOnline"]
    assert (told.status, "west" in told.message, "east" in told.message) == ("False", True, False)


@pytest.mark.parametrize(
    ("release", "has_gateways", "level"),
    [("2.14.3", True, "2.14.3"), ("0.0.0-preview.vx", False, "3.0"), ("0.0.0-preview.vx", True, "2.14"),
     ("3.0.0", False, "3.0.0"), ("", True, "2.14")],
)  # fmt: skip
def test_a_preview_is_of_the_series_whose_kinds_it_serves(release: str, has_gateways: bool, level: str) -> None:
    """A release says its number itself."""
    assert planes.level(release, has_gateways=has_gateways) == level


@pytest.mark.parametrize(
    ("pod", "namespace", "taken"),
    [({}, "enabled", True), ({}, "", False), ("enabled", "disabled", True), ("disabled", "enabled", False),
     ("enabled", None, False)],
)  # fmt: skip
def test_a_pod_takes_part_only_where_its_namespace_has_the_label(pod: Any, namespace: str | None, taken: bool) -> None:
    """The webhook is called for namespaces with the label alone, whatever a pod says."""
    label = "kuma.io/sidecar-injection"
    marks = {label: pod} if pod else {}
    assert observing.is_injected(marks, {} if namespace is None else {label: namespace}) is taken


def test_a_namespace_that_waits_for_a_kuma_that_is_gone_is_told() -> None:
    """Its pods get no proxy, and nobody says so otherwise."""
    place = {"kind": "Namespace", "metadata": {"name": "shop", "labels": {"kuma.io/sidecar-injection": "enabled"}}}
    (note,) = detecting.strays([place])
    assert "shop" in note
    assert detecting.strays([place, *schemas.running()]) == []
