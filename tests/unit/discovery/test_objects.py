"""The published form of an object: no secret, within the size limit, with marks where something was removed."""

import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core import redacting
from meshwright.core.kit.kubernetes import Item
from meshwright.schemas import discovery
from meshwright.schemas.references import ResourceRef
from meshwright.workers.discovery import objects, trimming

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
KEY = "-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----"


def pod(**container: Any) -> dict[str, Any]:
    """A Pod with one container."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [container]}}


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ({"apiVersion": "v1", "kind": "Secret", "data": {"a": "eA==", "b/c": "eA=="}}, ["/data/a", "/data/b~1c"]),
        ({"apiVersion": "v1", "kind": "Secret", "stringData": {"a": "x"}}, ["/stringData/a"]),
        (
            {"apiVersion": "v1", "kind": "ConfigMap", "data": {"db-password": "x", "color": "red"}},
            ["/data/db-password"],
        ),
        (pod(env=[{"name": "DB_PASSWORD", "value": "x"}, {"name": "COLOR", "value": "red"}]), [0]),
        (pod(env=[{"name": "AUTH", "value": "x"}, {"name": "AUTHOR", "value": "ann"}]), [0]),
        (pod(env=[{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}]), []),
        (
            pod(args=["--db-password=x", "--color=red", "--token", "abc", "--api-key", "--verbose"]),
            ["args/0", "args/3"],
        ),
        (pod(command=["sh", "-c", "curl https://ann:x@host/"]), ["command/2"]),
        (pod(image="registry.example/password:1", volumeMounts=[{"name": "token", "mountPath": "/secret"}]), []),
        ({"kind": "X", "spec": {"password": "x", "secretName": "a", "tokenTTL": "1h"}}, ["/spec/password"]),
        ({"kind": "X", "spec": {"trust": {"pem": KEY}}}, ["/spec/trust/pem"]),
        ({"kind": "X", "metadata": {"annotations": {"example.com/password": "x"}}}, ["…/example.com~1password"]),
    ],
)
def test_secrets_are_taken_out_and_their_places_reported(body: dict[str, Any], places: list[Any]) -> None:
    """By what they are, where they stand and what they are called; what only names a secret stays."""
    whole = [
        f"/spec/containers/0/env/{place}/value"
        if isinstance(place, int)
        else place.replace("…", "/metadata/annotations")
        if place.startswith(("/", "…"))
        else f"/spec/containers/0/{place}"
        for place in places
    ]
    assert redacting.redact(body) == whole
    assert "eA==" not in str(body)
    assert KEY not in str(body)
    assert str(body).count(redacting.MARK) == len(whole)


json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=20), inner, max_size=20),
    max_leaves=60,
)


@given(st.dictionaries(st.text(max_size=20), json, max_size=10), st.integers(600, 5000))
def test_what_is_trimmed_fits_and_says_where(parts: dict[str, Any], limit: int) -> None:
    """The name stays, every mark is listed, and what fits is not touched."""
    body = {**parts, "apiVersion": "v1", "kind": "X", "metadata": {"name": "a", "namespace": "b"}}
    before = msgspec.json.encode(body)
    result = trimming.trim(body, limit)
    after = msgspec.json.encode(body)
    assert len(after) <= max(limit, 200)
    assert body["metadata"]["name"] == "a"
    assert bool(result) == (len(before) > limit)
    assert result or before == after


def test_one_large_field_is_trimmed_and_the_rest_stays() -> None:
    """A definition of which only one part is long keeps the others."""
    body: dict[str, Any] = {
        "kind": "X",
        "metadata": {"name": "a", "annotations": {"long": "x" * 5000, "short": "y"}},
        "spec": {"small": {"a": 1}, "versions": [{"name": "v1", "schema": {str(key): key for key in range(20_000)}}]},
    }
    assert trimming.trim(body, 65_536) == ["/metadata/annotations/long", "/spec/versions/0/schema"]
    assert body["spec"]["small"] == {"a": 1}
    assert body["metadata"]["annotations"]["short"] == "y"


def test_an_object_is_published_with_its_search_fields() -> None:
    """Labels, controller, times and versions; bookkeeping is left out."""
    metadata = {
        "name": "a.b",
        "namespace": "shop",
        "uid": "u",
        "resourceVersion": "7",
        "labels": {"app.kubernetes.io/name": "a"},
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "managedFields": [{"manager": "x"}],
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "kept": "y"},
        "ownerReferences": [
            {"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "1"},
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "2", "controller": True},
        ],
    }
    ref = ResourceRef(kind="Pod", namespace="shop", name="a.b")
    item = Item(ref, "u", "7", msgspec.Raw(msgspec.json.encode({"metadata": metadata})), "v1")
    told = objects.resource("prod", item, NOW)
    assert (told.id, told.version, told.uid, told.resource_version) == ("prod~~Pod~shop~a.b", "v1", "u", "7")
    assert told.labels == metadata["labels"]
    assert told.owner == discovery.Owner(group="apps", kind="ReplicaSet", name="r", uid="2")
    assert told.created_at == NOW
    assert told.body["kind"] == "Pod"
    assert told.body["metadata"]["annotations"] == {"kept": "y"}
    assert "managedFields" not in told.body["metadata"]
    assert len(discovery.resource_token(ref).split("~")) == 4
