"""The parts that an import omitted, in readable form."""

from typing import TYPE_CHECKING, Any

from meshwright.ui_api.cli.render import output
from meshwright.ui_api.cli.render.documents import findings

if TYPE_CHECKING:
    from rich.console import RenderableType

Document = dict[str, Any]


def table(answer: Document) -> "RenderableType":
    """One line for each field that no intent expresses, and for each resource that was not read."""
    rows = [
        (
            findings.where(each["location"]),
            findings.resource(each["location"]),
            field(each["location"]["pointer"]),
            each["because"],
        )
        for each in answer["unexpressed"]
    ]
    rows += [(findings.where(each), findings.resource(each), "", "not read") for each in answer["not_read"]]
    return output.table(("where", "resource", "field", "because"), rows)


def summary(answer: Document) -> str:
    """The number of resources that were read, and of fields that are not expressed."""
    intents, left = len(answer["design"]["intents"]), len(answer["unexpressed"])
    unread = f" Not allowed to read: {', '.join(answer['unread'])}." if answer["unread"] else ""
    words = f"{left} field{'s' if left != 1 else ''} no intent says" if left else "nothing is left out"
    return f"{answer['resources']} resources read as {intents} intents; {words}.{unread}"


def field(pointer: str) -> str:
    """A JSON pointer in Kubernetes' notation for paths: `spec.http[0].rewrite`."""
    path = ""
    for token in pointer.lstrip("#").split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        path += f"[{name}]" if name.isdigit() else f".{name}"
    return path.removeprefix(".")
