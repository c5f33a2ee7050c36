"""Operations and events in readable form: the request, and its progress step by step.

Invariant: a step's events are one row; a failure always comes with its cause and remedy if there are any.
"""

from typing import TYPE_CHECKING, Any

from meshwright.ui_api.cli.render import output, views
from meshwright.ui_api.cli.render.output import age, between, date, span, table
from meshwright.ui_api.cli.render.timeline import explain

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

Document = dict[str, Any]
_DOMAIN = "dev.meshwright."
_BAD = ("failed", "step_failed", "dead_lettered", "timed_out", "lost")
_GOOD = ("succeeded", "step_completed")


def operations(items: list[Document]) -> "RenderableType":
    """Operations, one line each."""
    if not items:
        return views.nothing("operations", "Start one: meshwright apply FILE --wait")
    rows = (
        (
            o["id"],
            o["kind"],
            o["mesh"],
            views.state(o["state"]),
            _took(o),
            age(o.get("accepted_at")),
            o["principal"],
            _note(o),
        )
        for o in items
    )
    return table(("operation", "what", "mesh", "state", "took", "age", "by", "note"), rows, right=("took",))


def operation(document: Document) -> "RenderableType":
    """An operation with its steps and its failure."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [_head(document)]
    steps = document.get("steps") or []
    if steps:
        parts += [
            Text(),
            table(
                ("step", "state", "took", "attempt"),
                (_step(step, document) for step in steps),
                right=("took", "attempt"),
            ),
        ]
    for step in steps:
        if step.get("failure") and step["failure"] != document.get("failure"):
            parts.append(_failure(f"step {step['name']}", step["failure"]))
    if document.get("failure"):
        parts.append(_failure(document["state"].replace("_", " "), document["failure"]))
    if document.get("result") is not None:
        parts.append(Text("\nresult\n" + _indented(output.as_yaml(document["result"]))))
    if document["state"] in ("failed", "timed_out", "dead_lettered", "cancelled"):
        parts.append(Text(f"\n→ again: meshwright operations retry {document['id']}", "bold"))
    return Group(*parts)


def dead_letters(items: list[Document]) -> "RenderableType":
    """Dead letters, one line each."""
    if not items:
        return views.nothing("dead letters", "`meshwright deadletters list --all` shows those that were replayed.")
    rows = (
        (
            one["id"],
            one["adapter"],
            views.state(one["state"]),
            one["deliveries"] or "",
            age(one["stored_at"]),
            one.get("replaced_by") or "",
            one["reason"],
        )
        for one in items
    )
    return table(("operation", "adapter", "state", "tries", "age", "replaced by", "why"), rows, right=("tries",))


def dead_letter(document: Document) -> "RenderableType":
    """A dead letter with its command, and the possible actions."""
    from rich.text import Text

    letter, command = document["letter"], document.get("command")
    text = Text.assemble((letter["id"], "bold"), "  ", views.state(letter["state"]))
    facts = [
        ("why", letter["reason"]),
        ("adapter", letter["adapter"]),
        ("tries", letter["deliveries"]),
        ("died", date(letter["stored_at"])),
        ("replayed", f"{letter['replaced_by']} by {letter['principal']}" if letter.get("replaced_by") else ""),
        ("note", letter.get("note")),
        ("unreadable", document.get("unreadable")),
    ]
    for name, value in facts:
        if value:
            text.append(f"\n{name:<10} ", "dim").append(str(value))
    if command is not None:
        text.append(f"\n\ncommand\n{_indented(output.as_yaml(command))}")
    elif document.get("raw"):
        text.append(f"\n\nbytes\n{_indented(document['raw'])}")
    if letter["state"] == "open":
        verb = "drop" if command is None else "replay"
        text.append(f"\n\n→ meshwright deadletters {verb} {letter['id']}", "bold")
    return text


def _head(document: Document) -> "Text":
    from rich.text import Text

    text = Text.assemble((document["id"], "bold"), "  ", views.state(document["state"]))
    facts = [
        (
            "what",
            f"{document['kind']} on mesh {document['mesh']} (adapter {document['adapter']}, {document['connection']})",
        ),
        ("asked", f"{date(document.get('accepted_at'))} by {document['principal']}"),
        ("why", document.get("reason")),
        ("took", _took(document)),
        ("deadline", "" if document.get("done") else date(document.get("deadline"))),
        ("attempts", document["attempt"] if document.get("attempt", 0) > 1 else ""),
        ("worker", document.get("worker")),
        ("waits", document.get("waiting_for")),
        ("now", "" if document.get("done") else document.get("progress")),
        ("retry of", document.get("retry_of")),
        ("cancel", "requested" if document.get("cancel_requested") and not document.get("done") else ""),
        ("trace", document.get("trace_id")),
    ]
    for name, value in facts:
        if value:
            text.append(f"\n{name:<9} ", "dim").append(str(value))
    return text


def _step(step: Document, operation: Document) -> tuple[Any, ...]:
    if step["state"] == "running" and operation.get("done"):
        return step["name"], views.state("interrupted"), "", step["attempt"]
    took = span(between(step["started_at"], step.get("finished_at")))
    return step["name"], views.state(step["state"]), took, step["attempt"]


def _failure(what: str, failure: Document) -> "Text":
    from rich.text import Text

    first, *rest = explain(failure)
    text = Text.assemble("\n", (f"✗ {what}: ", "red"), first)
    for line in rest:
        text.append(f"\n  {line}")
    return text


def _took(document: Document) -> str:
    return span(between(document.get("accepted_at"), document.get("finished_at")))


def _note(document: Document) -> str:
    if document.get("failure"):
        return str(document["failure"]["what"])
    if document.get("done"):
        return str(document.get("reason") or "")
    return str(document.get("waiting_for") or document.get("progress") or document.get("reason") or "")


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.rstrip("\n").splitlines())


def event(document: Document) -> "Text":
    """An event in one line: sequence, time, origin, entity, type, and the most relevant fields."""
    from rich.text import Text

    name = short_type(document["type"])
    verb = name.rpartition(".")[2]
    style = "red" if verb in _BAD else "green" if verb in _GOOD else "bold"
    about = f"{document['entity']}/{document['entity_id']}"
    text = Text.assemble(
        (f"{document['id']:>7}", "dim"), f" {output.clock(document['time'])} {document['origin']:<10} "
    )
    text.append(f"{about:<38} ").append(name, style)
    words = " ".join(gist(document).split())  # one line, whatever was published
    return text.append(f"  {words}") if words else text


def short_type(type_name: str) -> str:
    """A wire type without domain and version: `operation.started`."""
    return type_name.removeprefix(_DOMAIN).rpartition(".v")[0] or type_name


def gist(document: Document) -> str:
    """The most relevant fields of an event's payload, in a few words."""
    data = document.get("data")
    if not isinstance(data, dict):
        return str(data or "")[:120]
    inner = next(
        (data[key] for key in ("mesh", "proxy", "workload", "release") if isinstance(data.get(key), dict)), None
    )
    if inner is not None:
        return _observed(inner)
    words = [str(data[key]) for key in ("kind", "step", "message", "reason", "worker") if data.get(key)]
    if isinstance(data.get("failure"), dict):
        words.append(str(data["failure"].get("what", "")))
    if data.get("principal") and document["entity"] != "operation":
        words.append(f"by {data['principal']}")
    return "  ".join(words)


def _observed(inner: Document) -> str:
    keys = ("state", "service", "version", "acked", "error")
    return "  ".join(str(inner[key]) for key in keys if isinstance(inner.get(key), str) and inner[key])
