"""A target whose resources are files: the smallest real one, for examples and for tests of code that uses targets.

Invariant: a resource is one file in the worker's data directory that records its owner, written atomically; files of
another owner are neither changed nor removed.
"""

import hashlib
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from meshwright.core import kit
from meshwright.schemas.intents import Resource
from meshwright.schemas.references import ResourceRef

Body = dict[str, Any]


class File(msgspec.Struct, frozen=True):
    """A resource and its owner."""

    owner: str
    resource: Resource


class FileTarget(kit.Target):
    """One mesh as a folder."""

    watch_every = 0.1

    def __init__(self, scope: kit.Scope) -> None:
        super().__init__(scope)
        self.folder = folder(scope.runtime.data_dir, self.mesh.workspace, self.mesh.mesh)

    async def read(self, refs: Collection[ResourceRef]) -> Mapping[ResourceRef, Body]:
        """The content of the files of these resources."""
        existing = {each.resource.ref: each for each in files(self.folder)}
        return {ref: existing[ref].resource.body for ref in refs if ref in existing}

    async def dry_run(self, draft: kit.Draft, *, reserve: bool = False) -> kit.DryRun:
        """The files that would be written, changed and removed."""
        existing = self.existing(draft.owner)
        wanted = {each.ref: each.body for each in draft.resources}
        own = {ref for ref, each in existing.items() if each.owner == draft.owner}
        concerned = {ref: each for ref, each in existing.items() if ref in own or ref in wanted}
        before = {ref: each.resource.body for ref, each in concerned.items()}
        changes = [
            msgspec.structs.replace(
                each, conflict="" if each.ref in own or each.before is None else existing[each.ref].owner
            )
            for each in kit.changes(before, wanted)
        ]
        checkpoint = msgspec.to_builtins(list(concerned.values()))
        return kit.DryRun(changes=changes, inventory=sorted(wanted), checkpoint=checkpoint)

    async def apply(self, draft: kit.Draft, checkpoint: Any, attempt: kit.Attempt) -> None:
        """Write the files of the draft."""
        await attempt.confirm()
        for each in draft.resources:
            self._write(File(draft.owner, each))

    async def revert(self, draft: kit.Draft, checkpoint: Any, attempt: kit.Attempt) -> None:
        """Restore their former content, and remove those that did not exist."""
        before = _files(checkpoint)
        for each in draft.resources:
            if each.ref in before:
                self._write(before[each.ref])
            else:
                self.path(draft.owner, each.ref).unlink(missing_ok=True)

    async def wait(self, draft: kit.Draft, checkpoint: Any, attempt: kit.Attempt) -> None:
        """Return at once: a written file is in effect."""

    async def prune(self, draft: kit.Draft, refs: list[ResourceRef], checkpoint: Any, attempt: kit.Attempt) -> None:
        """Remove those files that still belong to the draft's owner."""
        existing = self.existing(draft.owner)
        for ref in refs:
            if ref in existing and existing[ref].owner == draft.owner:
                self.path(draft.owner, ref).unlink(missing_ok=True)

    async def restore(self, draft: kit.Draft, refs: list[ResourceRef], checkpoint: Any, attempt: kit.Attempt) -> None:
        """Write the removed files again."""
        before = _files(checkpoint)
        for ref in refs:
            if ref in before and not self.path(draft.owner, ref).exists():
                self._write(before[ref])

    def existing(self, owner: str) -> dict[ResourceRef, "File"]:
        """The resources that exist, for a check of ownership."""
        return {each.resource.ref: each for each in files(self.folder)}

    def _write(self, content: File) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.path(content.owner, content.resource.ref)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_bytes(msgspec.json.encode(content))
        draft.replace(path)

    def path(self, owner: str, ref: ResourceRef) -> Path:
        """The file of a resource, whoever owns it."""
        return self.folder / f"{hashlib.sha256(msgspec.json.encode(ref)).hexdigest()[:32]}.json"


def folder(data_dir: Path, workspace: str, mesh: str) -> Path:
    """The folder of a mesh's files."""
    return data_dir / "resources" / workspace / mesh


def files(place: Path) -> Iterator[File]:
    """The resources in a folder, with their owners."""
    for path in sorted(place.glob("*.json")):
        yield msgspec.json.decode(path.read_bytes(), type=File)


def _files(checkpoint: Any) -> dict[ResourceRef, File]:
    return {each.resource.ref: each for each in msgspec.convert(checkpoint, list[File])}
