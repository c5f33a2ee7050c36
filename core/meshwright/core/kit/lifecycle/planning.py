"""What an operation on a design would do to a mesh: gather facts, gate, translate, dry-run.

Invariant: the preview and the operation plan here, so what is shown beforehand is what will be done. Nothing is
written.
"""

from typing import Any, Protocol

import msgspec
import yaml

from meshwright.core.kit.lifecycle import failures, translating
from meshwright.core.kit.lifecycle.releases import BUCKET, ReleaseHistory, Releases
from meshwright.core.kit.runtime import Runtime
from meshwright.core.kit.target import Body, Change, Draft, DryRun, Facts, MeshRef, Scope, Target
from meshwright.schemas.base import Model
from meshwright.schemas.designs import (
    Design,
    Preview,
    Release,
    ReleaseState,
    ResourceDiff,
    design_problems,
    namespace_problems,
)
from meshwright.schemas.errors import FieldError
from meshwright.schemas.intents import Resource, Translation, Unsupported
from meshwright.schemas.operations import ApplyDesign, Command, RemoveDesign, RollbackDesign

_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""libyaml's, where it is there, is ten times as fast"""
HANDLED = (ApplyDesign, RemoveDesign, RollbackDesign)
"""the operations on designs"""


class Knowledge(Protocol):
    """What the lifecycle needs of an adapter."""

    namespaces: bool
    translators: translating.Translators

    def target_of(self, scope: Scope) -> Target:
        """Where the resources of a mesh live."""

    async def gather(self, target: Target, draft: Draft) -> Facts:
        """What the adapter knows of a mesh before translating."""


class Plan(Model, frozen=True, kw_only=True):
    """What one operation does, made once and never changed."""

    draft: Draft
    dry_run: DryRun
    ended: ReleaseState
    """what the release that stands now becomes"""
    translations: list[Translation] = []
    unsupported: list[Unsupported] = []
    problems: list[FieldError] = []
    current: Release | None = None
    unchanged: bool = False
    """the mesh does already what the design asks, as the current release says"""

    def preview(self) -> Preview:
        """The plan for people."""
        return Preview(
            translations=self.translations,
            unsupported=self.unsupported,
            problems=self.problems,
            diff=[_shown(each) for each in self.dry_run.changes],
        )

    def check(self) -> None:
        """Raises Reject when something stands against the plan."""
        if self.unsupported:
            raise failures.unsupported(self.unsupported)
        if any(each.code for each in self.problems):
            raise failures.not_admitted(self.problems)
        if self.problems:
            raise failures.unfit(self.problems)


class Planner:
    """Plans for one mesh."""

    def __init__(self, adapter: Knowledge, target: Target, releases: Releases) -> None:
        self._adapter = adapter
        self.target = target
        self.releases = releases

    @classmethod
    async def open(cls, adapter: Knowledge, runtime: Runtime, service: object, mesh: MeshRef) -> "Planner":
        """The planner of a mesh in this process. Raises bus.BusUnavailable."""
        books = Releases(await runtime.bucket(BUCKET), runtime)
        return cls(adapter, adapter.target_of(Scope(runtime, service, mesh)), books)

    async def plan(self, command: Command, *, reserve: bool = False) -> Plan:
        """What a command on a design would do. Raises Reject when the mesh, design or revision is not there."""
        arguments = msgspec.convert(command.arguments, _arguments(command.kind))
        owner = arguments.design.id if isinstance(arguments, ApplyDesign) else arguments.design
        standing = await self.target.standing(owner)
        history = await self.releases.history(command.workspace, command.mesh, owner)
        wanted, ended = _wanted(arguments, history, standing, command.mesh)
        current = history.current()
        draft = Draft(
            mesh=MeshRef.of(command),
            owner=owner,
            operation=command.operation,
            revision=max(history.last_revision, standing or 0) + 1 if wanted else 0,
            design=wanted,
            former=current.inventory if current else [],
            take_over=isinstance(arguments, ApplyDesign) and arguments.take_over,
        )
        planned = await self.dry(draft, reserve=reserve)
        differs = any(each.before != each.after for each in planned.dry_run.changes)
        same = wanted is not None and current is not None and is_same(wanted, current.design)
        stands = current is not None and standing in (None, current.revision)
        unchanged = same and stands and not (differs or planned.problems or planned.unsupported)
        return msgspec.structs.replace(planned, ended=ended, current=current, unchanged=unchanged)

    async def dry(self, draft: Draft, *, reserve: bool = False) -> Plan:
        """The plan of a draft whose resources are still to be translated."""
        design = draft.design
        if design is None:
            dry_run = await self.target.dry_run(draft, reserve=reserve)
            return Plan(draft=draft, dry_run=dry_run, problems=dry_run.problems, ended="removed")
        if not self._adapter.namespaces and (problems := namespace_problems(design)):
            return Plan(draft=draft, dry_run=DryRun(), problems=problems, ended="superseded")
        facts = await self._adapter.gather(self.target, draft)
        answers = await self._adapter.translators.translate_all(design.intents, facts)
        translations = [each for each in answers if isinstance(each, Translation)]
        refused = [each for each in answers if isinstance(each, Unsupported)]
        brought = [Resource(ref=each.ref, body=each.body) for each in design.resources]
        resources = [each for translation in translations for each in translation.resources]
        draft = msgspec.structs.replace(draft, resources=_once([*resources, *brought]))
        problems = [*design_problems(design), *facts.problems]
        dry_run = await self.target.dry_run(draft, reserve=reserve and not (problems or refused))
        problems += [
            FieldError(detail=f"{each.ref} belongs to {each.conflict}")
            for each in dry_run.changes
            if each.conflict and each.before != each.after and not draft.take_over
        ]
        return Plan(
            draft=draft,
            dry_run=dry_run,
            ended="superseded",
            translations=translations,
            unsupported=refused,
            problems=list(dict.fromkeys([*problems, *dry_run.problems])),
        )


def _once(resources: list[Resource]) -> list[Resource]:
    """Each resource once: what several intents become together, each of their translations has whole."""
    distinct: list[Resource] = []
    for each in resources:
        if each not in distinct:
            distinct.append(each)
    return distinct


def is_same(one: Design, other: Design) -> bool:
    """Whether two versions of a design ask for the same; what they say of themselves does not count."""
    return msgspec.structs.replace(one, description="") == msgspec.structs.replace(other, description="")


def _arguments(kind: str) -> Any:
    return next(each for each in HANDLED if each.kind.name == kind)


def _wanted(
    arguments: ApplyDesign | RemoveDesign | RollbackDesign, history: ReleaseHistory, standing: int | None, mesh: str
) -> tuple[Design | None, ReleaseState]:
    """The design as it shall be, None for its absence, and what the release that stands now becomes."""
    if isinstance(arguments, ApplyDesign):
        return arguments.design, "superseded"
    name, current = arguments.design, history.current()
    if current is None and not standing:
        raise failures.no_design(f"the design {name} is not applied to {mesh}")
    if isinstance(arguments, RemoveDesign):
        return None, "removed"
    number = arguments.revision
    if number is None:
        release = _before(history, current.revision if current else standing or 0)
        return (release.design if release else None), "rolled_back"
    release = history.revision(number)
    if release is None:
        raise failures.no_design(f"revision {number} of {name} does not exist, or is no longer kept")
    return release.design, "rolled_back"


def _before(history: ReleaseHistory, revision: int) -> Release | None:
    """The newest release before a revision that asks for something else; None when there was nothing else."""
    now = history.revision(revision)
    earlier = [each for each in history.releases if each.revision < revision]
    different = [each for each in earlier if now is None or not is_same(each.design, now.design)]
    return max(different, key=lambda each: each.revision, default=None)


def _shown(change: Change) -> ResourceDiff:
    was, now = change.before, change.after
    return ResourceDiff(
        ref=change.ref,
        change="unchanged" if was == now else "create" if was is None else "delete" if now is None else "update",
        before=_yaml(was),
        after=_yaml(now),
        conflict=change.conflict,
    )


def _yaml(body: Body | None) -> str:
    return "" if body is None else str(yaml.dump(body, Dumper=_Dumper, sort_keys=False, allow_unicode=True))
