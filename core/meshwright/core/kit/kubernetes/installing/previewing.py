"""What bringing the components of an installation would change, told without doing it.

Invariant: nothing is changed. A definition is told by the digest of its content, since all of a mesh's would not fit
into an answer.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
import yaml

from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.installing import components
from meshwright.core.kit.kubernetes.installing.components import Component, Source
from meshwright.core.kit.kubernetes.installing.installation import Installation
from meshwright.schemas.designs import Preview, ResourceDiff
from meshwright.schemas.errors import FieldError
from meshwright.schemas.intents import Resource
from meshwright.schemas.references import ResourceRef

_DEFINITION = "CustomResourceDefinition"


async def preview(
    context: kit.PreviewContext,
    target: k8s.KubernetesTarget,
    parts: Sequence[Component],
    source: Source,
    record: Installation | None,
) -> Preview:
    """The objects that would change, in namespaces that may not be there yet. Raises Reject, KubernetesError."""
    diff: dict[ResourceRef, ResourceDiff] = {}
    problems: list[FieldError] = []
    for component in parts:
        former = record.of(component.release) if record else None
        draft = await _draft(context, target, component, source)
        draft = msgspec.structs.replace(draft, former=former.inventory if former else [])
        dry_run = await target.dry_run(draft)
        problems += dry_run.problems
        diff |= {each.ref: _shown(each) for each in dry_run.changes}
    return Preview(translations=[], problems=problems, diff=list(diff.values()))


async def _draft(
    context: kit.PreviewContext, target: k8s.KubernetesTarget, component: Component, source: Source
) -> kit.Draft:
    """A component together with its namespace, which may not be there yet."""
    rendered = await components.render(component, source) if component.chart else None
    place = components.namespace(component.namespace)
    comes_with = [Resource(ref=ResourceRef(kind="Namespace", name=component.namespace), body=place)]
    own = await components.resources_of(target, component, rendered)
    return kit.Draft(
        mesh=target.mesh,
        owner=component.owner,
        operation=context.command.operation,
        resources=[*(comes_with if rendered else []), *own],
    )


def _shown(change: kit.Change) -> ResourceDiff:
    was, now = change.before, change.after
    if change.ref.kind == _DEFINITION:
        was, now = _brief(was), _brief(now)
    return ResourceDiff(
        ref=change.ref,
        change="unchanged" if was == now else "create" if was is None else "delete" if now is None else "update",
        before=_text(was),
        after=_text(now),
        conflict=change.conflict,
    )


def _brief(body: dict[str, Any] | None) -> dict[str, Any] | None:
    if body is None:
        return None
    digest = hashlib.sha256(msgspec.json.encode(body.get("spec"), order="sorted")).hexdigest()
    return {**body, "metadata": {"name": body["metadata"]["name"]}, "spec": f"sha256:{digest}"}


def _text(body: dict[str, Any] | None) -> str:
    return "" if body is None else str(yaml.safe_dump(body, sort_keys=False, allow_unicode=True))
