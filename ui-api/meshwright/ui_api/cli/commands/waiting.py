"""`meshwright wait`: until a resource is as it is wanted.

Invariant: what is so already ends the waiting at once; what can no longer become so ends it as a failure.
"""

import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from meshwright.schemas.operations import TERMINAL_STATES
from meshwright.ui_api.cli import choices, suggestions
from meshwright.ui_api.cli.choices import MeshFilter
from meshwright.ui_api.cli.client import naming, paths, references, watching
from meshwright.ui_api.cli.client.references import Reference
from meshwright.ui_api.cli.client.session import Session
from meshwright.ui_api.cli.commands.describing import ResourceName
from meshwright.ui_api.cli.exits import CommandFailed, Exit, RequestRefused

Document = dict[str, Any]
Wanted = Callable[[Session, Document | None], bool]
_READY = {
    "mesh": "state=ready",
    "proxy": "state=synced",
    "operation": "done=true",
    "design": "applied",
    "release": "state=applied",
    "webhook": "enabled=true",
    "worker": "exists",
    "deadletter": "exists",
}
_PATIENCE, _MOST = 300.0, 500


def wait(
    session: Session,
    resource: ResourceName,
    wanted: Annotated[
        str,
        typer.Option(
            "--for", metavar="WHAT", help="ready, FIELD=VALUE as in state=ready, condition=TYPE, exists or deleted."
        ),
    ] = "ready",
    timeout: Annotated[
        float, typer.Option("--timeout", parser=choices.duration, metavar="TIME", help="Wait at most this long (90s).")
    ] = _PATIENCE,
    mesh: MeshFilter = "",
) -> None:
    """Wait until a resource is ready, has a state or condition, exists or is deleted. Exit code 7 if not in time."""
    reference = references.parse(resource, mesh)
    is_so = condition(reference.kind, wanted)
    deadline = time.monotonic() + timeout
    document: Document | None = None
    told = False
    for seen in watching.changes(session, _entities(reference.kind), deadline=deadline):
        document = _present(session, reference, seen)
        if is_so(session, document):
            session.output.say(f"{reference} is as wanted: {wanted}")
            if not session.output.human:
                session.output.data(document)
            return
        _refuse_the_impossible(reference, document, wanted)
        if document is None and not told:
            session.output.say(
                f"{reference} does not exist yet; waiting for it. {_perhaps(session, reference)}".rstrip()
            )
            told = True
    now = f"its state is {document['state']}" if document and document.get("state") else ""
    raise CommandFailed(
        f"{reference} is not yet as wanted: {wanted}",
        code=Exit.STILL_RUNNING,
        notes=(now or ("it does not exist" if document is None else ""),),
        remedy=f"`meshwright describe {reference}` shows what happens to it.",
    )


def condition(kind: str, wanted: str) -> Wanted:
    """Whether a document is as wanted. Raises CommandFailed."""
    text = _READY.get(kind, "ready") if wanted == "ready" else wanted
    if text in ("exists", "deleted"):
        return lambda _, document: (document is None) == (text == "deleted")
    if text == "applied":
        return lambda session, document: document is not None and _applied(session, document)
    if text == "ready" and kind == "workload":
        return lambda session, document: document is not None and _proxies_synced(session, document)
    if text == "ready" and kind == "adapter":
        return lambda _, document: document is not None and bool(document.get("instances"))
    if text == "ready" and kind == "connection":
        text = "condition=Reachable"
    name, equals, value = text.partition("=")
    if name == "condition" and value:
        type_name, _, status = value.partition("=")
        return lambda session, document: (
            document is not None and _status(session, kind, document, type_name) == (status or "True")
        )
    if not equals:
        known = ["ready", "exists", "deleted", "state=VALUE", "condition=TYPE"]
        raise CommandFailed(
            f"{wanted!r} is nothing to wait for", code=Exit.USAGE, remedy=suggestions.did_you_mean(wanted, known)
        )
    return lambda _, document: document is not None and _text(naming.field(document, name.lstrip("."))) == value


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _entities(kind: str) -> tuple[str, ...]:
    return {"workload": ("workload", "proxy"), "design": ("design", "release", "drift")}.get(kind, (kind,))


def _present(session: Session, reference: Reference, seen: int) -> Document | None:
    """The document as it is now; None when there is none."""
    try:
        document = references.resolve(session, reference)
        path = paths.one(reference.path, document["id"])
        return dict(session.api.get(path, {"min_event": seen})) if seen else document
    except CommandFailed as failure:
        if getattr(failure, "slug", "") == "not-yet-visible":
            return references.resolve(session, reference)
        if getattr(failure, "slug", "not-found") != "not-found" or failure.code is not Exit.REFUSED:
            raise
        return None


def _status(session: Session, kind: str, document: Document, wanted: str) -> str:
    """The status of a condition, empty before one was observed. Raises CommandFailed where none will be."""
    if kind == "connection":
        try:
            document = session.api.get(paths.one(paths.CONNECTIONS, document["id"], "/status"))
        except RequestRefused as refused:
            if refused.slug != "not-found":
                raise
            if document["kind"] == "kubernetes":
                return ""
            raise CommandFailed(
                f"connections of kind {document['kind']} are not watched, so {document['id']} has no conditions",
                code=Exit.USAGE,
                remedy=f"`meshwright connections test {document['id']}` tries it now.",
            ) from refused
    conditions = document.get("conditions") or []
    return next((each["status"] for each in conditions if each["type"].lower() == wanted.lower()), "")


def _proxies_synced(session: Session, workload: Document) -> bool:
    proxies, _ = session.api.list(paths.PROXIES, {"workload": workload["id"]}, limit=500)
    return bool(proxies) and all(each["state"] == "synced" for each in proxies)


def _applied(session: Session, design: Document) -> bool:
    releases, _ = session.api.list(paths.RELEASES, {"design": design["id"], "state": "applied"}, limit=1)
    return bool(releases)


def _perhaps(session: Session, reference: Reference) -> str:
    """What was perhaps meant by a name that nothing has."""
    if reference.kind in ("release", "worker", "operation", "deadletter"):
        return ""
    there, _ = session.api.list(reference.path, limit=_MOST)
    near = suggestions.near(reference.name, map(naming.full_name, there))
    return suggestions.did_you_mean(reference.name, near)


def _refuse_the_impossible(reference: Reference, document: Document | None, wanted: str) -> None:
    """An operation that has ended does not change any more, and no document gets another field."""
    field = wanted.partition("=")[0].lstrip(".").partition(".")[0]
    if document is not None and "=" in wanted and field != "condition" and field not in document:
        raise CommandFailed(
            f"a {reference.kind} has no field {field}",
            code=Exit.USAGE,
            remedy=suggestions.did_you_mean(field, document),
        )
    if reference.kind == "operation" and document is not None and document.get("state") in TERMINAL_STATES:
        raise CommandFailed(
            f"{reference} has ended as {document['state']}, and can no longer be as wanted: {wanted}",
            code=Exit.OPERATION,
            remedy=f"`meshwright operations show {document['id']}` has its whole history.",
        )
