"""What Linkerd's resources say is read back as intents: whole, or with the field that is not and the reason."""

from typing import Any

import pytest

import meshwright.adapters.linkerd  # noqa: F401 - registers the translators
from meshwright.adapters.linkerd.adapter import adapter
from meshwright.adapters.linkerd.importing import importers
from meshwright.core.kit.analysis import from_object
from meshwright.schemas import intents as wishes
from meshwright.schemas.designs import ImportedDesign
from meshwright.schemas.intents import AnyIntent
from rig.kubernetes.bookinfo import translated
from rig.linkerd.meshes import bookinfo


def _around() -> list[dict[str, Any]]:
    """The services and workloads of the sample application."""
    facts, made = bookinfo(), list[dict[str, Any]]()
    for service in facts.services:
        ports = [{"name": each.name, "port": each.number, "targetPort": each.target} for each in service.ports]
        meta = {"name": service.name, "namespace": service.namespace}
        spec = {"selector": service.selector, "ports": ports}
        made.append({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec})
    for each in facts.workloads:
        pod = {"metadata": {"labels": each.labels}, "spec": {"serviceAccountName": each.service_account}}
        meta = {"name": each.name, "namespace": each.namespace}
        spec = {"selector": {"matchLabels": each.labels}, "template": pod}
        made.append({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec})
    return made


def imported(*bodies: dict[str, Any]) -> ImportedDesign:
    """The design that resources are, beside the sample application."""
    return importers.run([from_object(each) for each in (*_around(), *bodies)])


def round_trip(*intents: AnyIntent) -> ImportedDesign:
    """What a design is read back as."""
    return imported(*translated(adapter, bookinfo(), list(intents))["resources"])


def test_policies_come_back_as_the_intents_that_they_were() -> None:
    """Servers, who may call whom, and limits."""
    for each in (
        wishes.MutualTls(mode="strict", service="details"),
        wishes.DenyAll(service="ratings"),
        wishes.RateLimit(service="ratings", requests=100),
    ):
        result = round_trip(each)
        assert result.design.intents == [each]
        assert result.unexpressed == []
    allow = wishes.Allow(source="reviews", service="ratings")
    result = round_trip(allow)
    assert result.design.intents == [allow, wishes.DenyAll(service="ratings")]
    assert result.unexpressed == []


def test_routes_come_back_as_splits_and_header_routes() -> None:
    """With the Services of versions that the design has made."""
    backends = [wishes.Backend(version="v1", weight=90), wishes.Backend(version="v2", weight=10)]
    split = wishes.TrafficSplit(service="reviews", backends=backends)
    header = wishes.HeaderMatch(name="x-user", exact="tester")
    routed = wishes.HeaderRoute(service="reviews", header=header, version="v2")
    result = round_trip(split, routed)
    assert sorted(result.design.intents, key=repr) == sorted([split, routed], key=repr)


def annotated(**said: str) -> ImportedDesign:
    """What the service `ratings` with these annotations is read as."""
    bodies = _around()
    (ratings,) = (each for each in bodies if each["kind"] == "Service" and each["metadata"]["name"] == "ratings")
    ratings["metadata"]["annotations"] = {key.replace("__", "/").replace("_", "."): said[key] for key in said}
    return importers.run([from_object(each) for each in bodies])


@pytest.mark.parametrize(
    "intent",
    [
        wishes.Timeout(service="ratings", timeout="300ms"),
        wishes.Retry(service="ratings", attempts=3, retry_on=["5xx", "retriable-4xx"], per_try_timeout="2s"),
        wishes.CircuitBreaker(
            service="ratings",
            outlier_detection=wishes.OutlierDetection(
                consecutive_errors=7, ejection_time="90s", max_ejection_percent=100
            ),
        ),
    ],
)
def test_annotations_come_back_as_the_intents_that_they_were(intent: AnyIntent) -> None:
    """Time-outs, retries and circuit breakers, by the annotations that they become."""
    (made,) = translated(adapter, bookinfo(), [intent])["resources"]
    bodies = _around()
    (ratings,) = (each for each in bodies if each["kind"] == "Service" and each["metadata"]["name"] == "ratings")
    ratings["metadata"]["annotations"] = made["metadata"]["annotations"]
    result = importers.run([from_object(each) for each in bodies])
    assert (result.design.intents, result.unexpressed, result.resources) == ([intent], [], 1)


def test_annotations_are_read_whole_or_listed_each() -> None:
    """Another spelling and the defaults that an intent has too are the same; what Linkerd does beside that is not."""
    assert annotated(timeout_linkerd_io__request="1m").design.intents == [
        wishes.Timeout(service="ratings", timeout="1m")
    ]
    once = annotated(retry_linkerd_io__http="5xx, gateway-error")
    assert once.design.intents == [wishes.Retry(service="ratings", attempts=1, retry_on=["5xx", "gateway-error"])]
    for said in (
        {"timeout_linkerd_io__response": "1s"},
        {"timeout_linkerd_io__request": "soon"},
        {"retry_linkerd_io__grpc": "unavailable"},
        {"retry_linkerd_io__http": "5xx", "retry_linkerd_io__grpc": "unavailable"},
        {"balancer_linkerd_io__failure-accrual": "consecutive"},
    ):
        result = annotated(**said)
        assert result.design.intents == []
        assert len(result.unexpressed) == len(said)
        assert all(each.location.pointer.startswith("#/metadata/annotations/") for each in result.unexpressed)
    assert annotated().resources == 0, "a service without any says nothing"


def test_what_no_intent_says_is_named_with_its_place() -> None:
    """A policy of a namespace, networks, a Server of one port of two."""
    target = {"kind": "Namespace", "name": "shop"}
    required = [{"group": "policy.linkerd.io", "kind": "NetworkAuthentication", "name": "office"}]
    body = {
        "apiVersion": "policy.linkerd.io/v1alpha1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "p", "namespace": "shop"},
        "spec": {"targetRef": target, "requiredAuthenticationRefs": required},
    }
    result = imported(body)
    assert result.design.intents == []
    assert "not for a Namespace" in result.unexpressed[0].because
    server = {
        "apiVersion": "policy.linkerd.io/v1beta3",
        "kind": "Server",
        "metadata": {"name": "s", "namespace": "shop"},
        "spec": {"podSelector": {"matchLabels": {"app": "ratings"}}, "port": "admin", "accessPolicy": "deny"},
    }
    result = imported(server)
    assert result.design.intents == []
    assert "all ports of shop/ratings" in result.unexpressed[0].because
