"""`meshwright migrate`: what carries over from one mesh to another, before anything is moved.

Invariant: nothing is changed. Each service is asked for by itself, so that what stands in the way of one hides nothing
of another; whatever was read is in the answer, as a wish with its verdict or as a field that no wish expresses.
"""

from collections import defaultdict
from typing import Annotated, Any

import typer

from meshwright.ui_api.cli.client import paths
from meshwright.ui_api.cli.client.session import Session, command
from meshwright.ui_api.cli.exits import Exit, RequestRefused
from meshwright.ui_api.cli.render.documents import migrations

Document = dict[str, Any]
_ID = "migration"
group = typer.Typer(help="Migrate: what it takes to move from one mesh to another.", no_args_is_help=True)


@command(group, "plan")
def plan(
    session: Session,
    source: Annotated[str, typer.Option("--from", metavar="MESH", help="The mesh that is left.")],
    target: Annotated[str, typer.Option("--to", metavar="MESH", help="The mesh to go to.")],
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Only this namespace.")] = "",
    flat: Annotated[bool, typer.Option("--flat", help="Omit namespaces, for a target that has none.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 8 if anything is lost or in the way.")] = False,
) -> None:
    """Show per service what carries over unchanged, what changes, and what is lost; changes nothing."""
    session.api.get(paths.one(paths.MESHES, target))
    read = _read(session, source, namespace, flat=flat)
    wishes = [
        {"service": service, **verdict}
        for service, intents in _by_service(read["design"]["intents"]).items()
        for verdict in _verdicts(session, target, {**read["design"], "id": _ID, "intents": intents})
    ]
    answer = {"from": source, "to": target, "wishes": wishes, "unexpressed": read["unexpressed"]}
    session.output.show(answer, migrations.plan(answer))
    session.output.say(migrations.summary(answer))
    if strict and (read["unexpressed"] or any(each["verdict"] in ("lost", "blocked") for each in wishes)):
        raise typer.Exit(Exit.FINDINGS)


def _read(session: Session, mesh: str, namespace: str, *, flat: bool) -> Document:
    """What a mesh does: its resources as intents, or where these cannot be read back the designs applied to it."""
    question = {"files": [], "id": _ID, "namespace": namespace, "flat": flat, "live": True}
    try:
        answer: Document = session.api.request(
            "POST", paths.one(paths.MESHES, mesh, ":import"), body=question, repeatable=True
        ).data
    except RequestRefused as refused:
        if refused.slug != "invalid-document":
            raise
        why = refused.problem.get("detail") or refused.what
        session.output.say(f"The designs applied to {mesh} are read instead of its resources: {why}")
        releases, _ = session.api.list(paths.RELEASES, {"mesh": mesh, "state": "applied"}, limit=1000)
        intents = [intent for each in releases for intent in (each.get("design") or {}).get("intents") or []]
        return {"design": {"intents": intents}, "unexpressed": []}
    return answer


def _by_service(intents: list[Document]) -> dict[str, list[Document]]:
    """Intents by the service that they are about; by nothing those that are about all."""
    services: defaultdict[str, list[Document]] = defaultdict(list)
    for each in intents:
        services[each.get("service") or ""].append(each)
    return dict(sorted(services.items()))


def _verdicts(session: Session, mesh: str, design: Document) -> list[Document]:
    """What becomes of each intent of a service on a mesh."""
    path = paths.one(paths.DESIGNS, _ID, ":translate")
    kinds = list(dict.fromkeys(each["intent"] for each in design["intents"]))
    try:
        preview = session.api.request("POST", path, body={"mesh": mesh, "design": design}, repeatable=True).data
    except RequestRefused as refused:
        errors = [each["detail"] for each in refused.problem.get("errors") or []] or [refused.what]
        return [_verdict(kind, "blocked", "; ".join(errors)) for kind in kinds]
    lost = {each["intent"]: each for each in preview.get("unsupported") or []}
    notes: defaultdict[str, list[str]] = defaultdict(list)
    for each in preview["translations"]:
        notes[each["intent"]] += each.get("notes") or []
    return [
        _verdict(kind, "lost", lost[kind]["because"], lost[kind].get("instead") or "")
        if kind in lost
        else _verdict(kind, "changes" if notes[kind] else "unchanged", "; ".join(dict.fromkeys(notes[kind])))
        for kind in kinds
    ]


def _verdict(intent: str, verdict: str, because: str, instead: str = "") -> Document:
    return {"intent": intent, "verdict": verdict, "because": because, "instead": instead}
