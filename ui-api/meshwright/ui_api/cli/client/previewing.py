"""Previews of designs: what the adapter says before anything is saved.

Invariant: every document is asked about before one is refused, so that one run shows all problems; each leads to its
line in the file.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from meshwright.ui_api.cli.client import paths
from meshwright.ui_api.cli.client.documents import Document
from meshwright.ui_api.cli.client.session import Session
from meshwright.ui_api.cli.exits import CommandFailed, Exit, RequestRefused

T = TypeVar("T")


def ask(session: Session, document: Document, mesh: str, verb: str, *, take_over: bool = False) -> dict[str, Any]:
    """The adapter's preview of a design. Raises RequestRefused with errors that point into the file."""
    path = paths.one(paths.DESIGNS, document.content["id"], f":{verb}")
    try:
        body = {"mesh": mesh, "design": document.content, "take_over": take_over}
        answer = session.api.request("POST", path, body=body, repeatable=True).data
    except RequestRefused as refused:
        errors = [in_file(error) for error in refused.problem.get("errors") or []]
        notes = tuple(f"{document.place(one['pointer'])} {one['pointer']}: {one['detail']}" for one in errors)
        raise refused.placed(errors, notes) from refused
    return dict(answer)


def in_file(error: dict[str, Any]) -> dict[str, Any]:
    """The error with its pointer into the design, which is a part of the request."""
    return {**error, "pointer": "#" + error.get("pointer", "#").lstrip("#").removeprefix("/design")}


def refuse(preview: dict[str, Any]) -> None:
    """Raises CommandFailed when the mesh cannot do what is asked."""
    refused = preview.get("unsupported") or []
    if refused:
        raise CommandFailed(
            "this mesh cannot do what the design asks",
            code=Exit.REFUSED,
            notes=tuple(f"{one['intent']}: {one['because']}" for one in refused),
            remedy=refused[0].get("instead") or "`meshwright adapters show` has the intent matrix.",
        )
    if problems := preview.get("problems"):
        raise CommandFailed(
            "the adapter refuses this", code=Exit.REFUSED, notes=tuple(each["detail"] for each in problems)
        )


def each(documents: Sequence[Document], action: Callable[[Document], T]) -> list[T]:
    """The results for all documents. Raises CommandFailed with the refusals of all that are refused."""
    results, refusals = [], []
    for document in documents:
        try:
            results.append(action(document))
        except CommandFailed as failure:
            if len(documents) == 1 or failure.code not in (Exit.REFUSED, Exit.USAGE):
                raise
            refusals.append((document, failure))
    if refusals:
        raise _together(refusals, len(documents))
    return results


def _together(refusals: list[tuple[Document, CommandFailed]], total: int) -> CommandFailed:
    notes = []
    for document, failure in refusals:
        notes.append(f"{document.content['id']} ({document.name}): {failure.what}")
        notes += [f"  {note}" for note in failure.notes]
    remedies = dict.fromkeys(failure.remedy for _, failure in refusals if failure.remedy)
    what = f"{len(refusals)} of {total} designs are refused; nothing was changed"
    return CommandFailed(what, code=Exit.REFUSED, notes=tuple(notes), remedy=" ".join(remedies))
