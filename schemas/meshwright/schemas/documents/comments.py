"""The docstrings below the fields of Structs, as descriptions.

Problem: what a field means is written below it in the source, where `msgspec` does not look when it makes a schema.
Invariant: a published field has the description that its author wrote once; a Struct without source has none.
"""

import ast
import functools
import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec


def by_struct(types: Iterable[type[Any]]) -> dict[str, dict[str, str]]:
    """The descriptions of fields of these Structs and all that they refer to, by class name and field."""
    structs: dict[str, type[Any]] = {}
    for info in msgspec.inspect.multi_type_info(types):
        structs |= {kind.__name__: kind for kind in _structs(info, set())}
    return {name: described for name, kind in structs.items() if (described := of(kind))}


def of(kind: type[Any]) -> dict[str, str]:
    """The descriptions of a Struct's fields, those that it inherits included."""
    described: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        try:
            path = inspect.getsourcefile(base)
        except TypeError:  # a built-in class
            continue
        described |= _in_file(path).get(base.__qualname__, {}) if path else {}
    names = {field.name: field.encode_name for field in msgspec.structs.fields(kind)}
    return {names[name]: text for name, text in described.items() if name in names}


@functools.cache
def _in_file(path: str) -> dict[str, dict[str, str]]:
    try:
        tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    except OSError:
        return {}
    classes = (node for node in tree.body if isinstance(node, ast.ClassDef))
    return {each.name: dict(_in_class(each)) for each in classes}


def _in_class(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, comment in zip(node.body, node.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(comment, ast.Expr)
            and isinstance(comment.value, ast.Constant)
            and isinstance(comment.value.value, str)
        ):
            yield field.target.id, " ".join(comment.value.value.split())


def _structs(info: Any, seen: set[int]) -> Iterator[type[Any]]:
    """The Structs in a description of a type by `msgspec.inspect`, each once."""
    if id(info) in seen:
        return
    seen.add(id(info))
    if isinstance(info, msgspec.inspect.StructType):
        yield info.cls
        for field in info.fields:
            yield from _structs(field.type, seen)
        return
    for name in ("type", "item_type", "key_type", "value_type"):
        if isinstance(inner := getattr(info, name, None), msgspec.inspect.Type):
            yield from _structs(inner, seen)
    for name in ("types", "item_types"):
        for inner in getattr(info, name, None) or ():
            yield from _structs(inner, seen)
