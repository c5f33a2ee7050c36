"""CustomResourceDefinitions: which kinds there are, in which versions, and the schema of each.

Invariant: a definition that cannot be used says why when it is read, never when a resource is checked.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
import re2  # type: ignore[import-untyped]  # google-re2 has no types

from meshwright.core.kit.structural.schema import Schema


class InvalidDefinition(Exception):
    """It is no CustomResourceDefinition, or its schema is none."""


class Version(msgspec.Struct, frozen=True):
    """One version of a kind: its schema as Kubernetes has it, and as it is read field by field."""

    name: str
    document: dict[str, Any]
    schema: Schema
    served: bool = True
    has_status: bool = False
    """whether the status is written apart from the rest, which leaves it out of what is sent"""


class Definition(msgspec.Struct, frozen=True):
    """One kind of custom resource."""

    group: str
    kind: str
    namespaced: bool
    versions: dict[str, Version]

    @property
    def served(self) -> list[str]:
        """The versions that may be sent."""
        return [each.name for each in self.versions.values() if each.served]


class _Names(msgspec.Struct, frozen=True):
    kind: str


class _Validation(msgspec.Struct, frozen=True, rename={"schema": "openAPIV3Schema"}):
    schema: dict[str, Any] = {}


class _Subresources(msgspec.Struct, frozen=True):
    status: dict[str, Any] | None = None


class _Version(msgspec.Struct, frozen=True):
    name: str
    served: bool = True
    schema: _Validation = _Validation()
    subresources: _Subresources | None = None


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    group: str
    names: _Names
    versions: list[_Version]
    scope: str = "Namespaced"
    preserve_unknown_fields: bool = False


class _Document(msgspec.Struct, frozen=True):
    spec: _Spec


def definition(body: Any) -> Definition:
    """What a CustomResourceDefinition defines. Raises InvalidDefinition."""
    try:
        spec = msgspec.convert(body, _Document).spec
        versions = {each.name: _version(each, spec.preserve_unknown_fields) for each in spec.versions}
    except (msgspec.ValidationError, re2.error, RecursionError) as error:
        raise InvalidDefinition(str(error)) from error
    return Definition(spec.group, spec.names.kind, spec.scope == "Namespaced", versions)


def _version(version: _Version, preserve_unknown: bool) -> Version:
    document = version.schema.schema
    if preserve_unknown or not document:
        document = {**document, "x-kubernetes-preserve-unknown-fields": True}
    has_status = version.subresources is not None and version.subresources.status is not None
    schema = msgspec.convert(document, Schema)
    _compile_patterns(schema)
    return Version(version.name, document, schema, version.served, has_status)


def _compile_patterns(schema: Schema) -> None:
    """Raises re2.error."""
    if schema.pattern:
        re2.compile(schema.pattern)
    below = [*schema.properties.values(), *schema.all_of, *schema.any_of, *schema.one_of, schema.items, schema.not_]
    if isinstance(schema.additional_properties, Schema):
        below.append(schema.additional_properties)
    for each in below:
        if each is not None:
            _compile_patterns(each)


class Definitions:
    """Definitions by group and kind; of two of the same kind the later one counts."""

    def __init__(self, definitions: Iterable[Definition] = ()) -> None:
        self._by_kind = {(each.group, each.kind): each for each in definitions}

    def __len__(self) -> int:
        return len(self._by_kind)

    def get(self, group: str, kind: str) -> Definition | None:
        """The definition of a kind; None when it is not among these."""
        return self._by_kind.get((group, kind))
