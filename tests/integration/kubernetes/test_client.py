"""The client against a real API server: objects by reference, refusals in words, lists, watches, discovery."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest

from meshwright.core.kit import kubernetes as k8s
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.references import ResourceRef


def config_map(namespace: str, name: str = "a", **data: str) -> dict[str, Any]:
    """A small object."""
    meta = {"name": name, "namespace": namespace, "labels": {"made-by": "test"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


async def test_an_object_is_applied_read_and_deleted_by_its_reference(cluster: k8s.Cluster, namespace: str) -> None:
    """A dry run returns what applying does and changes nothing; a deletion is of exactly that object."""
    body = config_map(namespace, color="red")
    ref = k8s.reference_of(body)
    assert (await cluster.apply(body, owner="one", dry_run=True))["data"] == {"color": "red"}
    assert await cluster.find(ref) is None
    uid = (await cluster.apply(body, owner="one"))["metadata"]["uid"]
    assert (await cluster.get(ref))["data"] == {"color": "red"}
    with pytest.raises(k8s.Conflict):
        await cluster.delete(ref, uid="00000000-0000-0000-0000-000000000000")
    assert await cluster.delete(ref, uid=uid)
    assert not await cluster.delete(ref, uid=uid)


async def test_a_conflict_names_the_other_manager_and_the_field(cluster: k8s.Cluster, namespace: str) -> None:
    """Nothing is taken over unless it is asked for."""
    await cluster.apply(config_map(namespace, color="red", size="1"), owner="one")
    with pytest.raises(k8s.Conflict) as told:
        await cluster.apply(config_map(namespace, color="blue", size="1"), owner="two")
    assert told.value.owners == {"one": [".data.color"]}
    taken = await cluster.apply(config_map(namespace, color="blue", size="1"), owner="two", force=True)
    assert taken["data"]["color"] == "blue"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [({"data": {"color": 5}}, "#/data/color"), ({"dota": {}}, "#/dota"), ({"data": "text"}, "#/data")],
)
async def test_what_breaks_the_schema_is_refused_with_its_place(
    cluster: k8s.Cluster, namespace: str, change: dict[str, Any], pointer: str
) -> None:
    """Wrong types and unknown fields, in the server's own words."""
    with pytest.raises(k8s.Invalid) as told:
        await cluster.apply({**config_map(namespace), **change}, owner="one")
    assert [each.pointer for each in told.value.fields] == [pointer]
    assert all(each.detail for each in told.value.fields)


async def test_what_breaks_a_rule_is_refused_with_every_place(cluster: k8s.Cluster, namespace: str) -> None:
    """All of them at once."""
    meta = {"name": "a", "namespace": namespace}
    spec = {"type": "Nope", "ports": [{"port": 99999}]}
    with pytest.raises(k8s.Invalid) as told:
        await cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}, owner="one")
    assert {"#/spec/ports/0/port", "#/spec/type"} <= {each.pointer for each in told.value.fields}


async def test_an_unknown_kind_is_refused_by_name(cluster: k8s.Cluster) -> None:
    """Group, version and kind stand in the words."""
    with pytest.raises(k8s.UnknownKind, match=r"example\.org/v1/Nope"):
        await cluster.apply({"apiVersion": "example.org/v1", "kind": "Nope", "metadata": {"name": "a"}}, owner="one")
    assert await cluster.find(ResourceRef(group="example.org", kind="Nope", name="a")) is None
    with pytest.raises(k8s.UnknownKind, match="apps/v1beta1/Deployment, but v1 of it"):
        await cluster.discovery.api("apps", "Deployment", "v1beta1")


def definition(group: str) -> dict[str, Any]:
    """A CustomResourceDefinition of `Thing`."""
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"things.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }


async def test_a_kind_that_was_just_defined_is_found(cluster: k8s.Cluster, namespace: str) -> None:
    """Discovery reads again as soon as a kind is not known; when it goes, its watch says so."""
    group = f"{namespace}.example.org"
    await cluster.discovery.all()
    crd = definition(group)
    await cluster.apply(crd, owner="one")
    try:
        api = await cluster.discovery.api(group, "Thing", within=60)
        assert (api.plural, api.namespaced, api.api_version) == ("things", True, f"{group}/v1")
        meta = {"name": "a", "namespace": namespace}
        thing = {"apiVersion": f"{group}/v1", "kind": "Thing", "metadata": meta, "spec": {"size": 1}}
        async with asyncio.timeout(60):
            while True:  # the endpoint follows the definition within a moment
                try:
                    await cluster.apply(thing, owner="one")
                    break
                except k8s.NotFound:
                    await asyncio.sleep(0.2)
        with pytest.raises(k8s.Invalid, match="siez"):
            await cluster.apply({**thing, "spec": {"siez": 1}}, owner="one")
        assert [each.decode(dict)["spec"] async for each in cluster.list(group, "Thing")] == [{"size": 1}]
    finally:
        await cluster.delete(k8s.reference_of(crd))


async def test_a_watch_reports_what_is_there_and_what_becomes_of_it(cluster: k8s.Cluster, namespace: str) -> None:
    """Only of the namespace and labels that were asked for."""
    await cluster.apply(config_map(namespace, "before"), owner="one")
    told: list[str] = []
    async with asyncio.timeout(60):
        async for event in cluster.watch("", "ConfigMap", namespace, labels={"made-by": "test"}):
            match event:
                case k8s.Added(item) | k8s.Modified(item):
                    told.append(f"{type(event).__name__} {item.ref.name}")
                    if isinstance(event, k8s.Modified):
                        await cluster.delete(item.ref, uid=item.uid)
                    elif item.ref.name == "later":
                        await cluster.apply(config_map(namespace, "later", color="red"), owner="one")
                case k8s.Synced():
                    told.append("Synced")
                    await cluster.apply(config_map(namespace, "later"), owner="one")
                case k8s.Deleted(ref):
                    told.append(f"Deleted {ref.name}")
                    break
    assert told == ["Added before", "Synced", "Added later", "Modified later", "Deleted later"]


def files(folder: Path) -> list[Path]:
    """The files in a folder."""
    return list(folder.iterdir())


async def test_credentials_leave_no_file(
    kubernetes_settings: Kubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the TLS context reads from files is gone as soon as it has read it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    async with k8s.Cluster.open(kubernetes_settings) as cluster:
        assert files(tmp_path) == []
        assert (await cluster.version()).startswith("v1.")
    assert files(tmp_path) == []
