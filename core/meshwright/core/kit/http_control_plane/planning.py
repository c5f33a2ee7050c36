"""What applying a draft would do to the entries of a control plane.

Invariant: nothing is written, and what is planned needs nothing but the draft and the checkpoint to be done or undone.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from meshwright.core.kit.http_control_plane.entries import Body, Entries, Entry, Marked
from meshwright.core.kit.http_control_plane.ownership import Owner
from meshwright.core.kit.target import Change, Draft, DryRun, changes
from meshwright.schemas.base import Model
from meshwright.schemas.references import ResourceRef


class Kept(Model, frozen=True, kw_only=True):
    """An entry as it was when the plan was made."""

    ref: ResourceRef
    body: Body
    owners: list[Owner]
    former: Body | None
    version: str


class Checkpoint(Model, frozen=True, kw_only=True):
    """What was there of all that a draft wants or gives up."""

    before: list[Kept] = []

    def entries(self) -> dict[ResourceRef, Entry]:
        """The same by reference."""
        return {each.ref: _entry(each) for each in self.before}


Goal: TypeAlias = Marked | None
"""What an entry shall be; None: it shall not be there."""


async def plan(entries: Entries, draft: Draft) -> DryRun:
    """The dry run of a draft. Raises Outcome."""
    wanted = wishes(entries, draft)
    concerned = {*wanted, *draft.former}
    before = await entries.read(concerned)
    owner = Owner.of(draft)
    after = {ref: each.body for ref, each in before.items()}
    after |= wanted
    for ref in draft.gone(list(wanted)):
        if ref in before:
            left = removal(before[ref], owner)
            after = {**after, ref: left.body} if left else {key: body for key, body in after.items() if key != ref}
    found = changes({ref: each.body for ref, each in before.items()}, after)
    kept = [_kept(ref, each) for ref, each in before.items()]
    return DryRun(
        changes=[msgspec.structs.replace(each, conflict=_conflict(each, before, wanted, owner)) for each in found],
        problems=[problem for ref, body in wanted.items() for problem in entries.problems(ref, body)],
        inventory=sorted(wanted),
        checkpoint=msgspec.to_builtins(Checkpoint(before=kept)),
    )


def wishes(entries: Entries, draft: Draft) -> dict[ResourceRef, Body]:
    """What a draft wants, as the control plane would give it back."""
    return {each.ref: entries.normal(each.ref, each.body) for each in draft.resources}


def checkpoint_of(kept: Any) -> Checkpoint:
    """A checkpoint as it was stored."""
    return msgspec.convert(kept, Checkpoint)


def wish(now: Entry | None, body: Body, owner: Owner) -> Marked:
    """What an entry shall be when this design wants it to be so.

    What others have already exactly so is shared with another design, and used as it is where nobody stands for it.
    """
    if now is None:
        return Marked(body=body, owners=frozenset({owner}))
    if now.body == body:
        shared = now.owners | {owner} if now.owners else now.owners
        return Marked(body=body, owners=shared, former=now.former)
    if owner in now.owners:
        return Marked(body=body, owners=frozenset({owner}), former=now.former)
    if now.owners and now.former is None:
        return Marked(body=body, owners=frozenset({owner}))
    return Marked(body=body, owners=frozenset({owner}), former=now.former if now.owners else now.body)


def removal(now: Entry, owner: Owner) -> Goal:
    """What an entry shall be when this design does not want it any more."""
    others = now.owners - {owner}
    if owner not in now.owners or others:
        return Marked(body=now.body, owners=others, former=now.former)
    return None if now.former is None else Marked(body=now.former)


def _conflict(
    change: Change, before: Mapping[ResourceRef, Entry], wanted: Mapping[ResourceRef, Body], owner: Owner
) -> str:
    """Who else stands for an entry that would become another one."""
    now = before.get(change.ref)
    if now is None or change.ref not in wanted:
        return ""
    if not now.owners:
        return now.stranger
    return ", ".join(sorted(each.words for each in now.owners if each != owner))


def _kept(ref: ResourceRef, entry: Entry) -> Kept:
    return Kept(ref=ref, body=entry.body, owners=sorted(entry.owners), former=entry.former, version=entry.version)


def _entry(kept: Kept) -> Entry:
    return Entry(body=kept.body, owners=frozenset(kept.owners), former=kept.former, version=kept.version)
