"""What applying a draft to a cluster would do, by the server's own dry run.

Invariant: what is told is what the server says: with its defaults, after its webhooks, and with the names of others who
own a field. Only what cannot be asked yet, because its namespace or definition comes with the same draft, is told as it
is written. Nothing is changed.
"""

import re
from typing import Any

import msgspec

from meshwright.core.kit.distribution import Baseline
from meshwright.core.kit.kubernetes import errors, objects, rights
from meshwright.core.kit.kubernetes.client import Cluster
from meshwright.core.kit.kubernetes.objects import Body
from meshwright.core.kit.kubernetes.target import bodies, fields, occupants, ordering, ownership, reading, schemas
from meshwright.core.kit.target import Change, Draft, DryRun
from meshwright.schemas.base import Model
from meshwright.schemas.errors import FieldError
from meshwright.schemas.references import ResourceRef

_VERSION = re.compile(r"(?:^|/)(v[0-9]+(?:(?:alpha|beta)[0-9]+)?)/[^/]+$")
_VERBS = ("get", "create", "patch", "delete")
_RBAC = "rbac.authorization.k8s.io"
_NO_DRY_RUN = "does not support dry run"
_NO_NAMESPACE = re.compile(r'namespaces "([^"]+)" not found')


class Before(Model, frozen=True, kw_only=True):
    """What is needed to take back what is done to one object."""

    ref: ResourceRef
    uid: str = ""
    """empty: it is not there"""
    ours: Body | None = None
    """what this design has applied of it"""
    whole: Body | None = None
    """all of it, where fields of others are taken over"""


class Checkpoint(Model, frozen=True, kw_only=True):
    """What is there before anything is done, and what is to be applied."""

    before: list[Before] = []
    wanted: list[Body] = []
    take_over: bool = False
    cluster: str = ""
    """the identity of the cluster in which it is there"""
    proxies: Baseline | None = None
    """what the proxies of the mesh said then; None: nobody asked"""

    def of(self, ref: ResourceRef) -> Before:
        """What was there of an object."""
        return next((each for each in self.before if each.ref == ref), Before(ref=ref))


class Written(msgspec.Struct, frozen=True):
    """An object of a draft as it will be sent, and where people wrote it."""

    ref: ResourceRef
    body: Body
    pointer: str


class Planner:
    """Plans one draft."""

    def __init__(self, cluster: Cluster, draft: Draft, namespace: str) -> None:
        self._cluster = cluster
        self._draft = draft
        self._namespace = namespace
        self._manager = ownership.manager_of(draft.mesh, draft.owner)
        self._problems: list[FieldError] = []
        self._coming: set[tuple[str, str]] = set()
        """kinds, namespaces and roles that the draft itself brings"""
        self._schemas = schemas.Schemas({})

    async def plan(self) -> DryRun:
        """What would happen. Raises Forbidden, Away."""
        written = await self._written()
        wanted = {each.ref: each for each in written}
        gone = [ref for ref in self._draft.former if ref not in wanted]
        refs = sorted({*wanted, *gone})
        live = await reading.there(self._cluster, refs)
        self._schemas = await schemas.Schemas.of(self._cluster, [(each.ref, each.body) for each in written])
        befores: dict[ResourceRef, Before] = {}

        async def one(ref: ResourceRef) -> Change | None:
            body = live.get(ref)
            before = await self._before(ref, body)
            befores[ref] = before
            if ref in wanted:
                return await self._applied(wanted[ref], body, befores)
            return await self._removed(ref, body, gone)

        planned = [each for each in await ordering.every(refs, one) if each is not None]
        if written or any(each.after is None for each in planned):
            self._problems += await self._lacking([*wanted, *(each.ref for each in planned if each.after is None)])
        checkpoint = Checkpoint(
            before=[befores[ref] for ref in refs],
            wanted=[self._final(wanted[ref], live.get(ref)) for ref in sorted(wanted)],
            take_over=self._draft.take_over,
            cluster=await self._cluster.identity(),
        )
        return DryRun(
            changes=[each for each in planned if each.before != each.after],
            problems=self._problems,
            inventory=sorted(wanted),
            checkpoint=msgspec.to_builtins(checkpoint),
        )

    async def _lacking(self, refs: list[ResourceRef]) -> list[FieldError]:
        """What we may not do, and would have to for removing or taking back what the dry run has just allowed."""
        needed: set[rights.Right] = set()
        for ref in refs:
            try:
                api = await self._cluster.discovery.api(ref.group, ref.kind)
            except errors.UnknownKind:
                continue  # it comes with the draft
            needed.update(rights.Right(verb, ref.group, api.plural, ref.namespace, ref.name) for verb in _VERBS)
        missing = await rights.missing(self._cluster, sorted(needed))
        return [FieldError(detail=f"we may not {each.action}: {each.because}") for each in missing]

    async def _written(self) -> list[Written]:
        design = self._draft.design
        brought = {each.ref: (index, each.type) for index, each in enumerate(design.resources)} if design else {}
        for each in self._draft.resources:
            if (each.ref.group, each.ref.kind) == ordering.DEFINITION:
                spec = each.body.get("spec") or {}
                self._coming.add((str(spec.get("group")), str(objects.at(spec, "names", "kind"))))
            elif (each.ref.group, each.ref.kind) == ("", "Namespace"):
                self._coming.add(("", each.ref.name))
            elif each.ref.group == _RBAC:
                self._coming.add((each.ref.kind, each.ref.name))
        written = []
        for each in self._draft.resources:
            index, type_name = brought.get(each.ref, (None, ""))
            pointer = "#" if index is None else f"#/resources/{index}"
            version = _VERSION.search(type_name)
            one = await self._one(each.ref, each.body, version[1] if version else "", pointer)
            if one:
                written.append(one)
        return written

    async def _one(self, ref: ResourceRef, body: Body, version: str, pointer: str) -> Written | None:
        """An object complete with what its reference says; None and a problem when they do not agree."""
        meta = {**(body.get("metadata") or {})}
        api_version = str(body.get("apiVersion") or "")
        try:
            own = objects.group_of(api_version)[1] or version
            api = await self._cluster.discovery.api(ref.group, ref.kind, own)
            api_version, namespaced = api_version or api.api_version, api.namespaced
        except errors.UnknownKind as error:
            if (ref.group, ref.kind) not in self._coming or not (api_version or version):
                self._problem(error, pointer)
                return None
            api_version, namespaced = api_version or f"{ref.group}/{version}", bool(ref.namespace)
        namespace = ref.namespace or str(meta.get("namespace") or "") or self._namespace
        if not namespaced and (ref.namespace or meta.get("namespace")):
            self._problems.append(FieldError(detail=f"{ref.kind} has no namespace: leave it out", pointer=pointer))
            return None
        named = {"name": ref.name, **({"namespace": namespace} if namespaced else {})}
        identity = {"apiVersion": body.get("apiVersion"), "kind": body.get("kind"), **{k: meta.get(k) for k in named}}
        meant = {"apiVersion": api_version, "kind": ref.kind, **named}
        if wrong := [key for key, value in identity.items() if value not in (None, meant[key])]:
            detail = f"the body of {ref} says another {', '.join(wrong)}"
            self._problems.append(FieldError(detail=detail, pointer=f"{pointer}/body"))
            return None
        full = {**bodies.sent({**body, "metadata": meta}), "apiVersion": api_version, "kind": ref.kind}
        full = bodies.encoded({**full, "metadata": {**full["metadata"], **named}})
        place = msgspec.structs.replace(ref, namespace=namespace if namespaced else "")
        return Written(place, full, pointer)

    async def _before(self, ref: ResourceRef, body: Body | None) -> Before:
        if body is None:
            return Before(ref=ref)
        version = fields.applied_version(body, self._manager)
        if version and version != body.get("apiVersion"):
            body = await self._cluster.get(ref, version=objects.group_of(version)[1])
        ours = fields.applied(body, self._manager)
        return Before(ref=ref, uid=str(objects.at(body, "metadata", "uid") or ""), ours=ours)

    def _final(self, written: Written, live: Body | None) -> Body:
        """What is sent: with our mark where we create it, or have created it."""
        if live is None or ownership.is_creator(live, self._manager):
            return ownership.marked(written.body, self._manager)
        return written.body

    async def _applied(self, written: Written, live: Body | None, befores: dict[ResourceRef, Before]) -> Change | None:
        ref, before = written.ref, bodies.shown(live) if live else None
        final, conflict = self._final(written, live), ""
        if live is None and (broken := self._schemas.problems(ref, final, written.pointer)):
            self._problems += broken
            return None
        try:
            after = await self._ask(final)
        except errors.Conflict as error:
            if not error.owners:
                raise errors.Unavailable(f"{ref} changes just now: {error}") from error
            conflict = ownership.conflict_words(error.owners)
            if self._draft.take_over and ref.kind == "Secret" and not ref.group:
                # What is in it would be kept with the plan, for taking it back.
                detail = f"{ref} is a Secret of {conflict}: its fields are not taken over"
                self._problems.append(FieldError(detail=detail, pointer=written.pointer))
                return None
            if self._draft.take_over:
                befores[ref] = msgspec.structs.replace(befores[ref], whole=live)
            after = await self._ask(final, force=True)
        except (errors.Invalid, errors.Denied, errors.BadRequest, errors.NotFound) as error:
            if not self._comes_with_the_draft(written, error) and _NO_DRY_RUN not in str(error):
                self._problem(error, written.pointer)
                return None
            after = final
        managed = ownership.gitops_words(live) if live else ""
        both = ", ".join(part for part in (conflict, managed) if part)
        return Change(ref=ref, before=before, after=bodies.shown(after), conflict=both)

    async def _ask(self, body: Body, *, force: bool = False) -> Body:
        return await self._cluster.apply(body, owner=self._manager, dry_run=True, force=force)

    async def _removed(self, ref: ResourceRef, live: Body | None, gone: list[ResourceRef]) -> Change | None:
        if live is None:
            return None
        fate = ownership.fate(live, self._manager)
        if fate == "delete" and await occupants.of(self._cluster, ref, live, gone):
            return None
        before = bodies.shown(live)
        if fate == "delete":
            return Change(ref=ref, before=before)
        if fate == "release":
            try:
                after = await self._ask(bodies.identity(live))
            except (errors.Invalid, errors.Denied):
                return None  # others need what this design has said
            return Change(ref=ref, before=before, after=bodies.shown(after))
        return None

    def _comes_with_the_draft(self, written: Written, error: errors.KubernetesError) -> bool:
        """Whether it cannot be asked for only because what it needs is applied together with it."""
        if isinstance(error, errors.UnknownKind):
            return (written.ref.group, written.ref.kind) in self._coming
        if written.ref.group == _RBAC and isinstance(error, errors.NotFound):
            # Whoever may not bind all roles is told that a binding is not found when its role is not there yet.
            role = written.body.get("roleRef") or {}
            if (role.get("kind"), role.get("name")) in self._coming:
                return True
        missing = _NO_NAMESPACE.search(error.status.message)
        return missing is not None and ("", missing[1]) in self._coming

    def _problem(self, error: errors.Refused, pointer: str) -> None:
        problems = [
            FieldError(detail=each.detail, pointer=f"{pointer}/body{each.pointer[1:]}" if pointer != "#" else pointer)
            for each in error.fields
            if each.detail
        ]
        self._problems += problems or [FieldError(detail=error.status.message or str(error), pointer=pointer)]


def decoded(checkpoint: Any) -> Checkpoint:
    """The checkpoint as the planner made it."""
    return msgspec.convert(checkpoint or {}, Checkpoint)
