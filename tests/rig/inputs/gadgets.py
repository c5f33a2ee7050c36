"""A kind of custom resource whose schema uses every keyword that Kubernetes supports, and resources of it."""

import copy
from collections.abc import Iterator
from typing import Any

GROUP, KIND = "gadgets.meshwright.dev", "Gadget"
_ONE_OF = [
    {"not": {"anyOf": [{"required": ["prefix"]}, {"required": ["exact"]}]}},
    {"required": ["prefix"]},
    {"required": ["exact"]},
]
_PORT = {"type": "object", "required": ["name"], "properties": {
    "name": {"type": "string"}, "number": {"type": "integer", "minimum": 1, "maximum": 65535}}}  # fmt: skip
SPEC: dict[str, Any] = {
    "type": "object",
    "required": ["hosts"],
    "properties": {
        "hosts": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"type": "string", "minLength": 1}},
        "mode": {"type": "string", "enum": ["STRICT", "PERMISSIVE"], "default": "STRICT"},
        "port": {"x-kubernetes-int-or-string": True},
        "either": {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
        "share": {"type": "number", "minimum": 0, "maximum": 1, "exclusiveMaximum": True},
        "step": {"type": "integer", "multipleOf": 5},
        "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
        "since": {"type": "string", "format": "date-time"},
        "address": {"type": "string", "format": "ipv4"},
        "key": {"type": "string", "format": "byte"},
        "every": {"type": "string", "format": "duration"},
        "small": {"type": "integer", "format": "int32"},
        "maybe": {"type": "string", "nullable": True},
        "labels": {"type": "object", "maxProperties": 2, "additionalProperties": {"type": "string"}},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {
            "known": {"type": "boolean"}}},
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                  "items": _PORT},
        "template": {"type": "object", "x-kubernetes-embedded-resource": True, "properties": {
            "spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}},
        "match": {"type": "object", "oneOf": _ONE_OF, "properties": {
            "prefix": {"type": "string"}, "exact": {"type": "string"}}},
        "limits": {"type": "object", "anyOf": [{"required": ["cpu"]}, {"required": ["memory"]}],
                   "not": {"required": ["cpu", "gpu"]}, "properties": {
                       "cpu": {"type": "integer"}, "memory": {"type": "integer"}, "gpu": {"type": "integer"}}},
        "strict": {"type": "object", "allOf": [{"required": ["a"]}], "minProperties": 2, "properties": {
            "a": {"type": "integer"}, "b": {"type": "integer", "default": 1}, "c": {"type": "integer"}}},
    },
}  # fmt: skip
DEFINITION: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"gadgets.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"kind": KIND, "plural": "gadgets", "singular": "gadget", "listKind": "GadgetList"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "required": ["spec"], "properties": {
                    "spec": SPEC, "status": {"type": "object", "properties": {"ready": {"type": "boolean"}}}}}},
                "subresources": {"status": {}},
            },
            {
                "name": "v0",
                "served": False,
                "storage": False,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            },
        ],
    },
}  # fmt: skip
SOUND: dict[str, Any] = {
    "hosts": ["a", "b"],
    "mode": "PERMISSIVE",
    "port": "http",
    "either": 80,
    "share": 0.5,
    "step": 10,
    "name": "abc",
    "since": "2026-01-02T03:04:05Z",
    "address": "127.0.0.1",
    "key": "YWJj",
    "every": "1m30s",
    "small": 5,
    "maybe": None,
    "labels": {"x": "1"},
    "free": {"known": True, "unknown": [{"x": 1}]},
    "tags": ["x", "y"],
    "ports": [{"name": "a", "number": 80}, {"name": "b"}],
    "template": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "spec": {"size": 1}},
    "match": {"prefix": "/"},
    "limits": {"memory": 1, "gpu": 1},
    "strict": {"a": 1},
}
_VALUES: tuple[Any, ...] = (None, True, 70_000, 0.25, "", "LONG-ENOUGH", ["x", "x"], {"x": 1})
_PAIRS = [
    ("match", {"prefix": "/", "exact": "/"}),
    ("limits", {"cpu": 1, "gpu": 1}),
    ("ports", [{"name": "a"}, {"name": "a", "number": 1}]),
    ("ports", [{"number": 1}]),
    ("strict", {"a": 1, "b": None}),
    ("strict", {"c": 1}),
    ("labels", {"x": "1", "y": "1", "z": "1"}),
    ("labels", {"x": None}),
    ("hosts", ["a", None]),
    ("hosts", [""]),
    ("hosts", ["a", "b", "c", "d"]),
    ("since", "2026-01-02"),
    ("since", "2026-01-02t03:04:05.123+01:00"),
    ("address", "::1"),
    ("every", "1 day"),
    ("share", 1),
    ("share", 1.0),
    ("step", 5.0),
    ("small", 3.5),
    ("template", {"kind": "ConfigMap"}),
    ("template", {"apiVersion": "v1", "kind": "ConfigMap", "spec": {"size": "x"}}),
    ("free", {"known": "x"}),
]
"""mistakes that changing one value does not make"""


def gadget(spec: Any, **more: Any) -> dict[str, Any]:
    """A gadget with this specification."""
    return {"apiVersion": f"{GROUP}/v1", "kind": KIND, "metadata": {"name": "x"}, "spec": spec, **more}


def variations() -> Iterator[tuple[str, Any]]:
    """Specifications that differ from a sound one in one place each: another value, none, an unknown field."""
    yield "sound", SOUND
    for name, value in _PAIRS:
        yield f"{name}={value!r}", {**SOUND, name: value}
    for path in [*_paths(SOUND, ())]:
        for value in _VALUES:
            changed = copy.deepcopy(SOUND)
            _holder(changed, path)[path[-1]] = value
            yield f"{'.'.join(map(str, path))}={value!r}", changed
        without = copy.deepcopy(SOUND)
        del _holder(without, path)[path[-1]]
        yield f"without {'.'.join(map(str, path))}", without
        if isinstance(_holder(SOUND, path)[path[-1]], dict):
            more = copy.deepcopy(SOUND)
            _holder(more, path)[path[-1]]["unheard"] = "of"
            yield f"{'.'.join(map(str, path))} with an unknown field", more


def _paths(value: Any, before: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield (*before, name)
        yield from _paths(inner, (*before, name))


def _holder(value: Any, path: tuple[Any, ...]) -> Any:
    for part in path[:-1]:
        value = value[part]
    return value
