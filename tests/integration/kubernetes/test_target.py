"""The target against a real API server: the contract of targets, whose an object is, order, waiting, secrets."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing
from typing import Any

import msgspec
import pytest
import yaml
from cluster_adapter import cluster as adapter

from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.connections import OpenConnection
from meshwright.core.kit.kubernetes.target import occupants
from meshwright.core.kit.lifecycle import planning
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.target_contract import Quiet, TargetContract
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import NativeResource, Resource
from meshwright.schemas.references import ResourceRef
from rig.relay import Relay, relay


class _Runtime:
    """A runtime with one connection."""

    def __init__(self, settings: Kubernetes) -> None:
        self.settings = settings

    async def connection(self, workspace: str, connection: str) -> OpenConnection[Kubernetes]:
        return OpenConnection(workspace=workspace, id=connection, kind="kubernetes", settings=self.settings)


@pytest.fixture
async def target(kubernetes_settings: Kubernetes, namespace: str) -> AsyncIterator[k8s.KubernetesTarget]:
    """The target of a mesh in the test's own namespace."""
    runtime: Any = _Runtime(kubernetes_settings)
    async with k8s.Clusters(runtime) as clusters:
        mesh = kit.MeshRef(workspace="default", connection="local", mesh=namespace)
        yield k8s.KubernetesTarget(kit.Scope(runtime, clusters, mesh))


def resource(namespace: str, name: str, kind: str = "ConfigMap", group: str = "", **body: Any) -> Resource:
    """An object of a draft."""
    return Resource(ref=ResourceRef(group=group, kind=kind, namespace=namespace, name=name), body=body)


class Told(Quiet):
    """Keeps what people would read."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    async def progress(self, message: str, percent: float | None = None) -> None:
        """Note it."""
        self.lines.append(message)


@pytest.fixture
async def wired(kubernetes_settings: Kubernetes, namespace: str) -> AsyncIterator[tuple[Relay, k8s.KubernetesTarget]]:
    """A target behind a wire that can be cut."""
    async with relay(kubernetes_settings) as (wire, settings):
        runtime: Any = _Runtime(settings)
        async with k8s.Clusters(runtime) as clusters:
            mesh = kit.MeshRef(workspace="default", connection="local", mesh=namespace)
            yield wire, k8s.KubernetesTarget(kit.Scope(runtime, clusters, mesh))


class TestKubernetesTarget(TargetContract):
    """See `TargetContract`."""

    @pytest.fixture(autouse=True)
    def _place(self, namespace: str) -> None:
        self.namespace = namespace

    @pytest.fixture
    async def target(self, target: k8s.KubernetesTarget) -> kit.Target:
        """An empty namespace."""
        return target

    def design(self, revision: int) -> Design:
        """A design that has a name."""
        return Design(id="contract", description=str(revision))

    def resources(self, revision: int) -> list[Resource]:
        """Defaulted lists with keys, sets, maps, a secret, a custom kind's definition, and a namespace with content."""
        inside = f"{self.namespace}-inside"
        ports = [{"name": f"p{number}", "port": 80 + number} for number in range(revision + 1)]
        rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"][:revision]}
        return [
            resource(self.namespace, "a", data={"revision": str(revision), f"only-{revision}": "x"}),
            resource(self.namespace, "b", "Secret", stringData={"password": f"secret-{revision}"}),
            resource(self.namespace, "c", "Service", spec={"selector": {"app": "c"}, "ports": ports}),
            resource(self.namespace, "d", "Role", "rbac.authorization.k8s.io", rules=[rule]),
            resource("", inside, "Namespace", metadata={"labels": {"revision": str(revision)}}),
            resource(inside, "e", data={"revision": str(revision)}),
        ]


def draft(target: kit.Target, owner: str, *resources: Resource, **more: Any) -> kit.Draft:
    """A revision of a design."""
    design = Design(id=owner) if resources else None
    return kit.Draft(
        mesh=target.mesh, owner=owner, operation=owner, revision=1, design=design, resources=list(resources), **more
    )


async def applied(target: kit.Target, wanted: kit.Draft) -> kit.DryRun:
    """Apply a draft."""
    result = await target.dry_run(wanted, reserve=True)
    assert result.problems == []
    await target.apply(wanted, result.checkpoint, Quiet())
    await target.wait(wanted, result.checkpoint, Quiet())
    return result


async def removed(target: kit.Target, owner: str, former: list[ResourceRef]) -> tuple[kit.DryRun, list[str]]:
    """Remove a design; returns the plan, and the messages for users."""
    wanted, told = draft(target, owner, former=former), Told()
    result = await target.dry_run(wanted, reserve=True)
    await target.prune(wanted, former, result.checkpoint, told)
    return result, told.lines


async def test_a_conflict_names_who_else_owns_which_field(
    target: k8s.KubernetesTarget, cluster: k8s.Cluster, namespace: str
) -> None:
    """Another tool, another design: each by its name, with its fields; applied it would be refused by the server."""
    mine = resource(namespace, "a", data={"color": "red", "size": "1"})
    await applied(target, draft(target, "first", resource(namespace, "a", data={"color": "blue"})))
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": namespace}}
    await cluster.apply({**body, "data": {"size": "2"}}, owner="kubectl")
    second = draft(target, "second", mine)
    result = await target.dry_run(second)
    (change,) = result.changes
    assert "kubectl (data.size)" in change.conflict
    assert f"design first of mesh {namespace} (data.color)" in change.conflict
    assert change.after
    assert change.after["data"] == {"color": "red", "size": "1"}
    with pytest.raises(k8s.Conflict):
        await target.apply(second, result.checkpoint, Quiet())


async def test_what_is_taken_over_is_given_back_with_its_owner(
    target: k8s.KubernetesTarget, cluster: k8s.Cluster, namespace: str
) -> None:
    """Forced in so many words, the values are ours; reverted, values and owners are as before."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": namespace}}
    before = await cluster.apply({**body, "data": {"size": "2", "color": "red"}}, owner="helm")
    wanted = draft(target, "mine", resource(namespace, "a", data={"size": "1"}), take_over=True)
    result = await applied(target, wanted)
    ref = k8s.reference_of(body)
    assert (await cluster.get(ref))["data"] == {"size": "1", "color": "red"}
    for _ in range(2):
        await target.revert(wanted, result.checkpoint, Quiet())
        after = await cluster.get(ref)
        assert after["data"] == before["data"]
        managers = [(each["manager"], each["fieldsV1"]) for each in after["metadata"]["managedFields"]]
        assert managers == [(each["manager"], each["fieldsV1"]) for each in before["metadata"]["managedFields"]]


async def test_removing_a_design_takes_nothing_of_others_along(
    target: k8s.KubernetesTarget, cluster: k8s.Cluster, namespace: str
) -> None:
    """Objects that existed before stay and lose the design's fields; objects created again by others are not
    touched.
    """
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "namespace": namespace}}
    await cluster.apply({**body, "data": {"theirs": "1"}}, owner="kubectl")
    run = await applied(
        target,
        draft(
            target,
            "mine",
            resource(namespace, "theirs", data={"mine": "1"}),
            resource(namespace, "anew", data={"mine": "1"}),
            resource(namespace, "shared", data={"mine": "1"}),
            resource(namespace, "own", data={"mine": "1"}),
        ),
    )
    other = draft(target, "other", resource(namespace, "shared", data={"other": "1"}))
    await applied(target, other)
    anew = ResourceRef(kind="ConfigMap", namespace=namespace, name="anew")
    copied = await cluster.get(anew)
    await cluster.delete(anew)
    copy = {**copied, "metadata": {key: copied["metadata"][key] for key in ("name", "namespace", "annotations")}}
    await cluster.create(copy)
    result, _ = await removed(target, "mine", run.inventory)
    changes = {each.ref.name: each.after for each in result.changes}
    assert changes.keys() == {"theirs", "shared", "own"}
    assert changes["own"] is None
    left = {each.ref.name: each.body async for each in cluster.list("", "ConfigMap", namespace)}
    assert left.keys() - occupants.EVERYWHERE == {"theirs", "anew", "shared"}
    assert left["theirs"]["data"] == {"theirs": "1"}
    assert left["shared"]["data"] == {"other": "1"}
    assert left["anew"]["data"] == {"mine": "1"}


async def test_a_namespace_with_what_others_made_in_it_stays(
    target: k8s.KubernetesTarget, cluster: k8s.Cluster, namespace: str
) -> None:
    """Deleting it would delete theirs too: it is kept, and said so."""
    inside = f"{namespace}-inside"
    run = await applied(
        target, draft(target, "mine", resource("", inside, "Namespace"), resource(inside, "a", data={}))
    )
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "namespace": inside}}
    await cluster.apply(body, owner="kubectl")
    try:
        _, told = await removed(target, "mine", run.inventory)
        assert any("theirs" in line and "stays" in line for line in told)
        assert await cluster.find(k8s.reference_of(body))
        assert await cluster.find(ResourceRef(kind="ConfigMap", namespace=inside, name="a")) is None
    finally:
        await cluster.delete(ResourceRef(kind="Namespace", name=inside))


async def test_what_controllers_put_into_every_namespace_keeps_none(
    target: k8s.KubernetesTarget, cluster: k8s.Cluster, namespace: str
) -> None:
    """A design takes its namespace along also where Istio has written its root certificate into it."""
    inside = f"{namespace}-inside"
    run = await applied(target, draft(target, "mine", resource("", inside, "Namespace")))
    for name in occupants.EVERYWHERE:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": inside}}
        await cluster.apply(body, owner="pilot-discovery")
    _, told = await removed(target, "mine", run.inventory)
    assert not any("stays" in line for line in told)

    async def is_gone() -> bool:
        return await cluster.find(ResourceRef(kind="Namespace", name=inside)) is None

    await eventually(is_gone)


async def test_a_finalizer_that_hangs_is_reported(
    target: k8s.KubernetesTarget, cluster: k8s.Cluster, namespace: str
) -> None:
    """The removal goes on, and says who holds what."""
    target.gone_within = 0.5
    held = resource(namespace, "held", metadata={"finalizers": ["example.org/never"]}, data={})
    run = await applied(target, draft(target, "mine", held))
    try:
        _, told = await removed(target, "mine", run.inventory)
        assert any("example.org/never" in line for line in told)
    finally:
        patch: dict[str, Any] = {"metadata": {"finalizers": None}}
        await cluster.patch(held.ref, patch, owner="test")


async def test_problems_are_reported_with_their_places_and_nothing_is_done(
    target: k8s.KubernetesTarget, cluster: k8s.Cluster, namespace: str
) -> None:
    """An unknown kind, a wrong field, a namespace that is not there, a body of another name: all at once."""
    result = await target.dry_run(
        draft(
            target,
            "mine",
            resource(namespace, "a", "Nope", "example.org"),
            resource(namespace, "b", dota={}),
            resource("no-such-namespace", "c", data={}),
            resource(namespace, "d", metadata={"name": "e"}),
            resource(namespace, "f", "Namespace"),
        )
    )
    told = "\n".join(each.detail for each in result.problems)
    for words in ("example.org/Nope", "field not declared", "no-such-namespace", "another name", "has no namespace"):
        assert words in told
    assert not [each async for each in cluster.list("", "ConfigMap", namespace, labels="x=y")]


async def test_a_secret_is_never_shown_and_its_change_is(target: k8s.KubernetesTarget, namespace: str) -> None:
    """Before and after differ, and neither holds the content."""
    await applied(target, draft(target, "mine", resource(namespace, "a", "Secret", stringData={"key": "first"})))
    wanted = draft(target, "mine", resource(namespace, "a", "Secret", stringData={"key": "other"}))
    (change,) = (await target.dry_run(wanted)).changes
    assert change.before
    assert change.after
    assert change.before["data"] != change.after["data"]
    text = str(change)
    assert "first" not in text
    assert "Zmlyc3Q" not in text
    assert "b3RoZXI" not in text


def definition(group: str) -> dict[str, Any]:
    """The spec of a CustomResourceDefinition of `Thing`."""
    fields = {"size": {"type": "integer"}, "color": {"type": "string", "enum": ["red", "blue"]}}
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": fields}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"}
    return {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}


async def test_a_definition_and_its_objects_come_and_go_in_one_design(
    target: k8s.KubernetesTarget, cluster: k8s.Cluster, namespace: str
) -> None:
    """The definition first and established, its objects then; a foreign object of the kind keeps the definition."""
    group = f"{namespace}.example.org"
    crd = resource("", f"things.{group}", "CustomResourceDefinition", "apiextensions.k8s.io", spec=definition(group))
    thing = resource(namespace, "a", "Thing", group, apiVersion=f"{group}/v1", spec={"size": 1})
    run = await applied(target, draft(target, "mine", thing, crd))
    body = {**thing.body, "kind": "Thing", "metadata": {"name": "theirs", "namespace": namespace}}
    await cluster.apply(body, owner="kubectl")
    _, told = await removed(target, "mine", run.inventory)
    assert any("stays" in line and "theirs" in line for line in told)
    assert [each.ref.name async for each in cluster.list(group, "Thing")] == ["theirs"]
    await cluster.delete(k8s.reference_of(body))
    again = await applied(target, draft(target, "mine", thing))
    await removed(target, "mine", again.inventory)
    await cluster.delete(crd.ref)


async def test_a_rollout_is_waited_for_and_reported(target: k8s.KubernetesTarget, namespace: str) -> None:
    """Without a kubelet that runs them replicas never come: the refusal says how many are missing."""
    target.ready_within = 1.0
    labels = {"app": "a"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "none"}],
           "nodeSelector": {"no": "such-node"}}}  # fmt: skip
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": pod}
    with pytest.raises(kit.Reject, match=r"replicas are|not seen") as told:
        await applied(target, draft(target, "mine", resource(namespace, "a", "Deployment", "apps", spec=spec)))
    assert told.value.failure.details["resources"]


async def test_a_cluster_that_goes_away_is_waited_for_and_nothing_is_half_done(
    wired: tuple[Relay, k8s.KubernetesTarget], cluster: k8s.Cluster, namespace: str
) -> None:
    """Disconnected while applying, pruning and undoing: reported, and completed as without the outage."""
    wire, target = wired
    maps = [resource(namespace, f"a{number}", data={"n": str(number), "text": "x" * 2000}) for number in range(40)]
    wanted, told = draft(target, "mine", *maps), Told()
    result = await target.dry_run(wanted, reserve=True)

    async def disturbed(work: Coroutine[Any, Any, None], after: int) -> None:
        told.lines.clear()
        wire.cut_after = wire.passed + after
        task = asyncio.create_task(work)
        async with asyncio.timeout(60):
            while not (wire.is_cut and any(line.startswith("waiting for the cluster") for line in told.lines)):
                assert not task.done(), "it was done before the cut"
                await asyncio.sleep(0.05)
        wire.mend()
        async with asyncio.timeout(90):
            await task

    async def count() -> int:
        return len([each async for each in cluster.list("", "ConfigMap", namespace) if each.ref.name.startswith("a")])

    await disturbed(target.apply(wanted, result.checkpoint, told), 30_000)
    assert await count() == 40
    await disturbed(target.revert(wanted, result.checkpoint, told), 8_000)
    assert await count() == 0


async def test_credentials_that_end_are_waited_for_until_there_are_new_ones(
    target: k8s.KubernetesTarget, kubernetes_settings: Kubernetes, cluster: k8s.Cluster, namespace: str
) -> None:
    """An operation reports expired credentials, and continues once the connection has new ones."""
    document = yaml.safe_load(kubernetes_settings.kubeconfig)
    for user in document["users"]:
        user["user"] = {"token": "ended"}
    ended = Kubernetes(kubeconfig=yaml.safe_dump(document), context=kubernetes_settings.context)
    wanted, told = draft(target, "mine", resource(namespace, "a", data={})), Told()
    result = await target.dry_run(wanted)
    runtime: Any = _Runtime(ended)
    async with k8s.Clusters(runtime) as clusters:
        target = k8s.KubernetesTarget(kit.Scope(runtime, clusters, target.mesh))
        async with asyncio.timeout(90), asyncio.TaskGroup() as group:
            group.create_task(target.apply(wanted, result.checkpoint, told))
            while not told.lines:  # noqa: ASYNC110 - what people are told is a list
                await asyncio.sleep(0.05)
            assert "Unauthorized" in told.lines[0]
            runtime.settings = kubernetes_settings
    assert await cluster.find(wanted.resources[0].ref)


async def test_what_a_gitops_tool_keeps_is_not_changed_silently(
    target: k8s.KubernetesTarget, cluster: k8s.Cluster, namespace: str
) -> None:
    """It would be put back: the preview names the tool, also where no field is in conflict."""
    meta = {"name": "a", "namespace": namespace, "annotations": {"argocd.argoproj.io/tracking-id": "shop:x"}}
    await cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}, owner="argocd-controller")
    (change,) = (await target.dry_run(draft(target, "mine", resource(namespace, "a", data={"b": "c"})))).changes
    assert change.conflict == "Argo CD application shop"


async def test_a_change_of_what_was_applied_is_reported_by_the_watch(
    target: k8s.KubernetesTarget, cluster: k8s.Cluster, namespace: str
) -> None:
    """Of the objects that were asked about, and not of their neighbours."""
    both = [resource(namespace, name, data={"x": "y"}) for name in ("a", "b")]
    run = await applied(target, draft(target, "mine", *both))
    (ref,) = (each for each in run.inventory if each.name == "a")
    async with aclosing(target.watch([ref])) as changes, asyncio.timeout(60):
        telling = asyncio.ensure_future(anext(changes))
        await cluster.patch(both[1].ref, {"data": {"x": "z"}}, owner="kubectl")
        while not telling.done():
            change = {"metadata": {"annotations": {"n": uuid.uuid4().hex}}}
            await cluster.patch(ref, change, owner="kubectl")
            await asyncio.wait({telling}, timeout=1)
        assert telling.result() == {ref}


@pytest.mark.parametrize("is_there", [True, False], ids=["kind-is-there", "kind-comes-along"])
async def test_a_custom_resource_is_judged_by_its_own_schema_before_it_is_sent(
    target: k8s.KubernetesTarget, cluster: k8s.Cluster, namespace: str, is_there: bool
) -> None:
    """A wrong type, an unknown field, a value that is none of the allowed ones: each with its place in the design."""
    group = f"{namespace}.example.org"
    crd = resource("", f"things.{group}", "CustomResourceDefinition", "apiextensions.k8s.io", spec=definition(group))
    run = await applied(target, draft(target, "kinds", crd)) if is_there else None
    brought = [
        NativeResource(type=f"{group}/v1/Thing", name=f"a{index}", namespace=namespace, body={"spec": spec})
        for index, spec in enumerate(({"size": "large"}, {"colour": "red"}, {"color": "green"}, {"color": "red"}))
    ]
    design = Design(id="mine", resources=brought)
    objects = [Resource(ref=each.ref, body=each.body) for each in brought]
    wanted = draft(target, "mine", *objects, *([] if is_there else [crd]))
    result = await target.dry_run(msgspec.structs.replace(wanted, design=design))
    places = {
        "#/resources/0/body/spec/size": "must be of type integer, not string",
        "#/resources/1/body/spec/colour": "is no field of its kind",
        "#/resources/2/body/spec/color": "must be one of red, blue",
    }
    assert {each.pointer: each.detail for each in result.problems} == places
    if run:
        await removed(target, "kinds", run.inventory)


async def test_what_is_applied_to_an_object_that_is_there_may_be_a_part_of_it(
    target: k8s.KubernetesTarget, cluster: k8s.Cluster, namespace: str
) -> None:
    """A field set by others may be omitted, also where the schema requires it."""
    group = f"{namespace}.example.org"
    spec = definition(group)
    spec["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["required"] = ["size"]
    crd = resource("", f"things.{group}", "CustomResourceDefinition", "apiextensions.k8s.io", spec=spec)
    run = await applied(target, draft(target, "kinds", crd))
    part = resource(namespace, "a", "Thing", group, apiVersion=f"{group}/v1", spec={"color": "red"})
    (problem,) = (await target.dry_run(draft(target, "mine", part))).problems
    assert "/spec needs size" in problem.detail
    body = {**part.body, "kind": "Thing", "metadata": {"name": "a", "namespace": namespace}, "spec": {"size": 1}}
    await cluster.apply(body, owner="kubectl")
    assert (await target.dry_run(draft(target, "mine", part))).problems == []
    await cluster.delete(part.ref)
    await removed(target, "kinds", run.inventory)


async def test_what_others_own_is_changed_only_when_that_is_said(
    target: k8s.KubernetesTarget, cluster: k8s.Cluster, namespace: str
) -> None:
    """The plan of a design is refused and names the owner; with `take_over` it is not, and still shows who it was."""
    meta = {"name": "a", "namespace": namespace}
    await cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"x": "1"}}, owner="helm")
    books: Any = None
    planner = planning.Planner(adapter, target, books)
    brought = NativeResource(type="v1/ConfigMap", name="a", namespace=namespace, body={"data": {"x": "2"}})
    wanted = kit.Draft(mesh=target.mesh, owner="mine", operation="o", design=Design(id="mine", resources=[brought]))
    with pytest.raises(kit.Reject, match=r"belongs to helm \(data\.x\)"):
        (await planner.dry(wanted)).check()
    plan = await planner.dry(msgspec.structs.replace(wanted, take_over=True))
    plan.check()
    assert plan.preview().diff[0].conflict == "helm (data.x)"
