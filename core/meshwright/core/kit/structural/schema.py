"""The schema of a CustomResourceDefinition, as far as it is read field by field.

Invariant: what is not of the shape that Kubernetes gives to schemas is refused when it is read, so that checking a
resource never meets a schema that makes no sense. https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources
"""

from typing import Any

import msgspec


class Schema(
    msgspec.Struct,
    frozen=True,
    rename={
        "additional_properties": "additionalProperties",
        "preserve_unknown": "x-kubernetes-preserve-unknown-fields",
        "embedded": "x-kubernetes-embedded-resource",
        "int_or_string": "x-kubernetes-int-or-string",
        "list_type": "x-kubernetes-list-type",
        "list_map_keys": "x-kubernetes-list-map-keys",
        "all_of": "allOf",
        "any_of": "anyOf",
        "one_of": "oneOf",
        "not_": "not",
        "max_items": "maxItems",
        "min_items": "minItems",
        "max_length": "maxLength",
        "min_length": "minLength",
        "max_properties": "maxProperties",
        "min_properties": "minProperties",
        "multiple_of": "multipleOf",
        "exclusive_maximum": "exclusiveMaximum",
        "exclusive_minimum": "exclusiveMinimum",
    },
):
    """One node of it. The bounds are named so that their types are checked."""

    type: str = ""
    properties: "dict[str, Schema]" = {}
    items: "Schema | None" = None
    additional_properties: "Schema | bool | None" = None
    default: Any = msgspec.UNSET
    nullable: bool = False
    required: list[str] = []
    enum: list[Any] = []
    pattern: str = ""
    format: str = ""
    preserve_unknown: bool = False
    embedded: bool = False
    int_or_string: bool = False
    list_type: str = ""
    list_map_keys: list[str] = []
    all_of: "list[Schema]" = []
    any_of: "list[Schema]" = []
    one_of: "list[Schema]" = []
    not_: "Schema | None" = None
    max_items: int | None = None
    min_items: int | None = None
    max_length: int | None = None
    min_length: int | None = None
    max_properties: int | None = None
    min_properties: int | None = None
    multiple_of: float | None = None
    maximum: float | None = None
    minimum: float | None = None
    exclusive_maximum: bool = False
    exclusive_minimum: bool = False


_TEXT = {"type": "string", "nullable": True}
_TIME = {**_TEXT, "format": "date-time"}
_NUMBER = {"type": "integer", "nullable": True}
_TEXTS = {"type": "object", "nullable": True, "additionalProperties": _TEXT}
_ANYTHING = {"type": "array", "nullable": True, "items": {"x-kubernetes-preserve-unknown-fields": True}}
METADATA: dict[str, Any] = {
    "type": "object",
    "nullable": True,
    "properties": {
        **dict.fromkeys(("name", "generateName", "namespace", "uid", "resourceVersion", "selfLink"), _TEXT),
        "creationTimestamp": _TIME,
        "deletionTimestamp": _TIME,
        "generation": _NUMBER,
        "deletionGracePeriodSeconds": _NUMBER,
        "labels": _TEXTS,
        "annotations": _TEXTS,
        "ownerReferences": _ANYTHING,
        "managedFields": _ANYTHING,
        "finalizers": {"type": "array", "nullable": True, "items": _TEXT},
    },
}
"""the metadata of every resource, which definitions leave out"""
METADATA_SCHEMA = msgspec.convert(METADATA, Schema)
