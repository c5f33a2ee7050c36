"""Whether an import accounts for all that it was given.

A field that is in no list of what was left must matter: if it were another, or were written in another form, then the
intents or the list would be others too. A field that nobody knows must be listed.
"""

import copy
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from meshwright.core.kit.analysis import from_object
from meshwright.core.kit.importing import Importers
from meshwright.schemas.designs import ImportedDesign

Json = dict[str, Any]
Import = Callable[[Sequence[Json]], ImportedDesign]
PLANTED = "plantedField"
_IDENTITY = ("apiVersion", "kind", "metadata", "status")
_DATA = ("headers", "labels", "matchLabels")
"""mappings whose keys are data: another key is another condition, so that it may also make other intents"""
_WEIGHT = re.compile(r".*/(route|backendRefs|backends)/\d+/weight")


def importing(importers: Importers) -> Import:
    """Imports by these readers."""
    return lambda bodies: importers.run([from_object(each) for each in bodies])


def pointers(result: ImportedDesign, body: Json) -> list[str]:
    """The fields of a resource that were left."""
    meta = body["metadata"]
    mine = (body["kind"], meta.get("namespace", "default"), meta["name"])
    listed = [each.location for each in result.unexpressed]
    return [each.pointer for each in listed if each.ref and (each.ref.kind, each.ref.namespace, each.ref.name) == mine]


def forgotten(run: Import, around: Sequence[Json], body: Json) -> list[str]:
    """The fields of a resource that are neither left nor matter."""
    before = run([*around, body])
    left = pointers(before, body)
    dropped = []
    for pointer, value in leaves(body):
        if is_listed(pointer, left) or value is None or _is_alone(body, pointer):
            continue
        if any(_says(run([*around, _with(body, pointer, other)])) == _says(before) for other in _others(value)):
            dropped.append(pointer)
    return dropped


def unseen(run: Import, around: Sequence[Json], body: Json) -> list[str]:
    """The places of a resource where a field that nobody knows is not listed."""
    before = _says(run([*around, body]))
    hidden = []
    for place in mappings(body):
        for value in ("x", {"deep": [{"deeper": 1}]}):
            planted = _with(body, f"{place}/{PLANTED}", value)
            after = run([*around, planted])
            listed = is_listed(f"{place}/{PLANTED}", pointers(after, planted))
            data = place.rpartition("/")[2] in _DATA or re.search(r"/headers/\w+$", place)
            if not listed and not (data and _says(after) != before):
                hidden.append(place)
    return hidden


def leaves(value: Any, pointer: str = "#") -> Iterator[tuple[str, Any]]:
    """All values of a resource that have nothing below them, but for what names it."""
    inner = list(_inner(value, pointer))
    if not inner and pointer != "#":
        yield pointer, value
    for place, each in inner:
        yield from leaves(each, place)


def mappings(value: Any, pointer: str = "#") -> Iterator[str]:
    """All mappings of a resource."""
    if isinstance(value, dict) and pointer != "#":
        yield pointer
    for place, each in _inner(value, pointer):
        yield from mappings(each, place)


def _inner(value: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in pairs:
        if pointer != "#" or key not in _IDENTITY:
            yield f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}", each


def _with(body: Json, pointer: str, value: Any) -> Json:
    """The resource with another value at a place."""
    changed = copy.deepcopy(body)
    *way, last = [each.replace("~1", "/").replace("~0", "~") for each in pointer.split("/")[1:]]
    at: Any = changed
    for key in way:
        at = at[int(key)] if isinstance(at, list) else at[key]
    at[int(last) if isinstance(at, list) else last] = value
    return changed


def _others(value: Any) -> list[Any]:
    """The same field with another value, and in another form."""
    if isinstance(value, bool):
        return [not value, {"a": 1}]
    if isinstance(value, int | float):
        return [value + 1, {"a": 1}, str(value)]
    return [f"{value}x", {"a": 1}, 7] if isinstance(value, str) else ["x", 7]


def _says(result: ImportedDesign) -> tuple[str, str]:
    return repr(result.design), repr(
        sorted((str(each.location.ref), each.location.pointer) for each in result.unexpressed)
    )


def is_listed(pointer: str, left: Sequence[str]) -> bool:
    """Whether a field, or one that it is part of, is among those."""
    return any(pointer == each or pointer.startswith(f"{each}/") for each in left)


def _is_alone(body: Json, pointer: str) -> bool:
    """Whether it is the weight of a destination that gets everything, however much it weighs."""
    if not _WEIGHT.fullmatch(pointer):
        return False
    at: Any = body
    *way, index, _ = pointer.split("/")[1:]
    for key in way:
        at = at[int(key)] if isinstance(at, list) else at[key]
    return not any(each.get("weight", 1) for place, each in enumerate(at) if place != int(index))


def shop() -> list[Json]:
    """Services `web`, `reviews` in three versions with a service of each, and `ratings`; each with its own identity."""
    bodies = [
        service("web", {"app": "web"}),
        service("reviews", {"app": "reviews"}),
        service("ratings", {"app": "ratings"}),
    ]
    bodies += [workload("web", "v1"), workload("ratings", "v1")]
    for version in ("v1", "v2", "v3"):
        bodies.append(service(f"reviews-{version}", {"app": "reviews", "version": version}))
        bodies.append(workload("reviews", version))
    return bodies


def service(name: str, selector: dict[str, str], namespace: str = "shop") -> Json:
    """A Service with one port."""
    spec = {"selector": selector, "ports": [{"port": 9080, "name": "http"}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def workload(app: str, version: str, namespace: str = "shop") -> Json:
    """A Deployment of one version of a service."""
    labels = {"app": app, "version": version}
    template = {"metadata": {"labels": labels}, "spec": {"serviceAccountName": f"bookinfo-{app}"}}
    meta = {"name": f"{app}-{version}", "namespace": namespace}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {"template": template}}


def custom(api: str, kind: str, name: str = "reviews", /, **fields: Any) -> Json:
    """A custom resource of the namespace `shop`; `fields` are its specification, or `body` all beside that."""
    body = fields.pop("body", {})
    meta = {"name": name, "namespace": "shop"}
    return {"apiVersion": api, "kind": kind, "metadata": meta, **({"spec": fields} if fields else {}), **body}
