"""One chart of an installation on its way into the cluster: rendered, planned, applied, waited for, pruned.

Problem: an installation is several charts, each of which may fail half-way. Invariant: each is one draft of the kit's
target, planned against the cluster as it is when its turn comes; what was there before is kept with the plan, so that
every step can be taken back; what the chart before had and this one has not is removed.
"""

from typing import Any

import msgspec

from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import helm
from meshwright.core.kit.kubernetes.installing import failures, webhooks
from meshwright.core.kit.kubernetes.installing.installation import Installed
from meshwright.core.kit.kubernetes.target.ownership import manager_of
from meshwright.schemas.base import Model
from meshwright.schemas.intents import Resource
from meshwright.schemas.references import ResourceRef

PLANS = "installation-plans"
UNSTAMPED = "1.0.0"
"""the version of charts in a mesh's source, before a release writes its own into them"""
_MOST_BYTES = 900_000
"""NATS takes messages of 1 MiB"""


class Component(Model, frozen=True, kw_only=True):
    """One chart of an installation as it is to be rendered."""

    chart: str
    release: str
    namespace: str
    values: dict[str, Any] = {}

    @property
    def owner(self) -> str:
        """As whom its objects are applied."""
        return f"install-{self.release}"


class Source(Model, frozen=True, kw_only=True):
    """Where the charts of an operation come from, and for which cluster they are rendered."""

    location: str
    version: str = ""
    """of the mesh; charts that say another one are refused"""
    chart_version: str = ""
    """of the charts in a repository, where it is not that of the mesh"""
    kube_version: str = ""
    api_versions: list[str] = []


class Planned(Model, frozen=True, kw_only=True):
    """What a later attempt needs to carry a component out, or to take it back."""

    draft: kit.Draft
    checkpoint: Any = None
    installed: Installed
    changes: int = 0

    @property
    def gone(self) -> list[ResourceRef]:
        """What the release before had and this one has not."""
        return self.draft.gone(self.installed.inventory)


class Outline(Model, frozen=True, kw_only=True):
    """What the history of an operation says of a planned component."""

    version: str = ""
    digest: str = ""
    objects: int = 0
    changes: int = 0
    gone: int = 0


async def render(component: Component, source: Source) -> helm.Rendered:
    """The objects of a component. Raises Reject with what is wrong with its chart or values."""
    version = (source.chart_version or source.version) if "://" in source.location else ""
    chart = helm.Chart(name=component.chart, location=source.location, version=version)
    rendering = helm.Rendering(
        release=component.release,
        namespace=component.namespace,
        values=component.values,
        kube_version=source.kube_version,
        api_versions=source.api_versions,
    )
    rendered = await helm.render(chart, rendering)
    if rendered.app_version not in ("", UNSTAMPED, source.version):
        raise failures.other_version(component.chart, rendered.app_version, source.version)
    return rendered


class Components:
    """The components of one operation. Their plans lie in a bucket, one per mesh and release."""

    def __init__(self, ctx: kit.Context, target: k8s.KubernetesTarget, plans: kit.KeptPlans[Planned]) -> None:
        self._ctx = ctx
        self._target = target
        self._plans = plans

    @classmethod
    async def open(cls, ctx: kit.Context, target: k8s.KubernetesTarget) -> "Components":
        """Those of an operation. Raises bus.BusUnavailable."""
        return cls(ctx, target, kit.KeptPlans(await ctx.runtime.bucket(PLANS), Planned))

    async def bring(
        self,
        component: Component,
        source: Source | None,
        former: Installed | None,
        revision: str = "",
        *,
        name: str = "",
        take_over: bool = False,
    ) -> tuple[Installed, int]:
        """Apply a component in durable steps of its or another name: what it is then, and how much was changed.

        Without a source only the namespace itself is brought. Raises Reject, what steps raise.
        """
        name = name or component.release

        async def planned() -> Outline:
            return await self._plan(name, component, source, former, revision, take_over)

        outline = await self._ctx.patient_step(f"plan-{name}", planned, result=Outline)
        plan = await self._plans.load(self._key(name), self._ctx.command.operation)
        if outline.changes or outline.gone:
            await self._ctx.progress(f"{name}: {outline.changes} of {outline.objects} objects change")
            await self._carry_out(name, plan)
        return plan.installed, outline.changes + outline.gone

    async def remove(self, installed: Installed, name: str = "") -> int:
        """Remove what a component has brought, in durable steps of its or another name; how much of it was there."""
        name = name or installed.release

        async def planned() -> Outline:
            draft = self._draft(installed.owner, [], installed.inventory)
            empty = msgspec.structs.replace(installed, inventory=[])
            return await self._keep(name, draft, await self._target.dry_run(draft), empty)

        outline = await self._ctx.patient_step(f"plan-removal-{name}", planned, result=Outline)
        plan = await self._plans.load(self._key(name), self._ctx.command.operation)
        if outline.gone:
            await self._prune(f"remove-{name}", plan)
        return outline.changes

    async def _carry_out(self, name: str, plan: Planned) -> None:
        target, draft, checkpoint = self._target, plan.draft, plan.checkpoint
        await self._ctx.step(
            f"apply-{name}",
            lambda: target.apply(draft, checkpoint, self._ctx),
            undo=lambda: target.revert(draft, checkpoint, self._ctx),
            undo_timeout=target.undo_timeout,
        )
        await self._ctx.step(f"wait-{name}", lambda: target.wait(draft, checkpoint, self._ctx))
        if plan.gone:
            await self._prune(f"prune-{name}", plan)

    async def _prune(self, step: str, plan: Planned) -> None:
        target, draft, checkpoint = self._target, plan.draft, plan.checkpoint
        await self._ctx.step(
            step,
            lambda: target.prune(draft, plan.gone, checkpoint, self._ctx),
            undo=lambda: target.restore(draft, plan.gone, checkpoint, self._ctx),
            undo_timeout=target.undo_timeout,
        )

    async def _plan(
        self,
        name: str,
        component: Component,
        source: Source | None,
        former: Installed | None,
        revision: str,
        take_over: bool,
    ) -> Outline:
        """Plan a component as the cluster is now. Raises Reject where others own what it would change."""
        rendered = await render(component, source) if source else None
        resources = await resources_of(self._target, component, rendered)
        inventory = former.inventory if former else []
        draft = self._draft(component.owner, resources, inventory, take_over=take_over)
        dry_run = await self._target.dry_run(draft)
        failures.check_plan(component.release, dry_run, take_over=take_over)
        installed = Installed(
            chart=component.chart,
            release=component.release,
            namespace=component.namespace,
            version=source.version if source else "",
            digest=rendered.digest if rendered else "",
            revision=revision,
            inventory=dry_run.inventory,
        )
        return await self._keep(name, draft, dry_run, installed)

    async def _keep(self, name: str, draft: kit.Draft, dry_run: kit.DryRun, installed: Installed) -> Outline:
        lean = msgspec.structs.replace(draft, resources=[])
        plan = Planned(draft=lean, checkpoint=dry_run.checkpoint, installed=installed, changes=len(dry_run.changes))
        kept = await self._plans.store(self._key(name), self._ctx.command.operation, plan, _check_size)
        return Outline(
            version=kept.installed.version,
            digest=kept.installed.digest,
            objects=len(kept.installed.inventory),
            changes=kept.changes,
            gone=len(kept.gone),
        )

    def _draft(
        self, owner: str, resources: list[Resource], former: list[ResourceRef], *, take_over: bool = False
    ) -> kit.Draft:
        return kit.Draft(
            take_over=take_over,
            mesh=self._target.mesh,
            owner=owner,
            operation=self._ctx.command.operation,
            resources=resources,
            former=former,
        )

    def _key(self, name: str) -> str:
        return f"{self._target.mesh.workspace}.{self._target.mesh.mesh}.{name}"


async def resources_of(
    target: k8s.KubernetesTarget, component: Component, rendered: helm.Rendered | None
) -> list[Resource]:
    """What a component brings, as it fits what is there: its chart's objects, or its namespace."""
    bodies = rendered.objects if rendered else [namespace(component.namespace)]
    cluster = await target.cluster()
    bodies = [await _placed(cluster, each, component.namespace) for each in bodies]
    bodies = await webhooks.as_they_stand(cluster, bodies, manager_of(target.mesh, component.owner))
    return [Resource(ref=k8s.reference_of(each), body=each) for each in bodies]


def namespace(name: str) -> dict[str, Any]:
    """The namespace of a component."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


async def _placed(cluster: k8s.Cluster, body: dict[str, Any], place: str) -> dict[str, Any]:
    """An object in the namespace of its release, where it names none and needs one."""
    ref = k8s.reference_of(body)
    if ref.namespace:
        return body
    try:
        api = await cluster.discovery.api(ref.group, ref.kind)
    except k8s.UnknownKind:
        return body
    return {**body, "metadata": {**body["metadata"], "namespace": place}} if api.namespaced else body


def _check_size(plan: Planned, size: int) -> None:
    if size > _MOST_BYTES:
        raise failures.too_large(plan.installed.release, _MOST_BYTES)


def merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Values laid over others, as Helm does it: objects are joined, everything else is replaced."""
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result
