"""The two base types of the contract, and the constrained names that users choose.

Problem: a message must be readable by older and newer programs, while a document written by a user must not silently
lose a misspelt field. Invariant: every Struct decodes tolerantly (unknown fields are skipped), and user input is
decoded by `strict.decode`, which refuses unknown fields.
"""

import datetime
import re
from typing import Annotated, ClassVar, TypeAlias

import msgspec
from msgspec import Meta


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A plain part of the contract: immutable, keyword-only, JSON object on the wire."""


class Wire(msgspec.Struct, frozen=True):
    """The identity of a message on the wire, declared with its Struct and never derived from its class name.

    `name` is a CloudEvents `type` (reverse DNS, versioned); `entity` is the subject token of the entity that it is
    about.
    """

    name: str
    entity: str

    @property
    def collection(self) -> str:
        """The plural of the entity, the first part of the CloudEvents `subject`: meshes, proxies, workloads."""
        if self.entity.endswith("y"):
            return f"{self.entity[:-1]}ies"
        return f"{self.entity}es" if self.entity.endswith(("s", "sh", "ch", "x")) else f"{self.entity}s"


class Message(Model, frozen=True, kw_only=True):
    """The payload of a CloudEvent; `wire` names it.

    `private` lists fields that are removed before users are shown the message.
    """

    wire: ClassVar[Wire]
    private: ClassVar[tuple[str, ...]] = ()


NAME_PATTERN = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
OBJECT_PATTERN = "^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"
NAMESPACE_PATTERN = "^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$"
SERVICE_PATTERN = "^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
VERSION_PATTERN = "^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"
ULID_PATTERN = "^[0-9A-HJKMNP-TV-Z]{26}$"
DURATION_PATTERN = "^[0-9]{1,6}(\\.[0-9]{1,3})?(ms|s|m|h)$"


def whole(pattern: str) -> str:
    r"""The anchored pattern for msgspec: Python's `$` would also match before a trailing newline, `\Z` does not.

    The published schemas use `$` (see `openapi.components`), which means the very end in every other dialect.
    """
    return pattern.removesuffix("$") + r"\Z"


Name: TypeAlias = Annotated[
    str,
    Meta(
        pattern=whole(NAME_PATTERN),
        description="RFC 1123 label, at most 63 characters",
        examples=["reviews-v1"],
    ),
]
"""The name of a workspace, connection, mesh or design, chosen by a user; also one NATS subject token."""

ObjectName: TypeAlias = Annotated[
    str,
    Meta(
        pattern=whole(OBJECT_PATTERN),
        description="RFC 1123 subdomain, at most 253 characters",
        examples=["reviews-v1", "reviews.v1"],
    ),
]
"""The name of a workload or proxy on its platform; Kubernetes allows dots and 253 characters."""

Namespace: TypeAlias = Annotated[
    str, Meta(pattern=whole(NAMESPACE_PATTERN), description="a namespace; empty where the mesh has none")
]

ServiceName: TypeAlias = Annotated[
    str,
    Meta(
        pattern=whole(SERVICE_PATTERN),
        description="`name`, or `namespace/name` where the mesh has namespaces",
        examples=["reviews", "shop/reviews"],
    ),
]
"""The name that clients address. Without a namespace it belongs to that of the document in which it appears."""

VersionName: TypeAlias = Annotated[
    str,
    Meta(
        pattern=whole(VERSION_PATTERN),
        description="as the label that distinguishes versions: a Kubernetes label value, at most 63 characters",
        examples=["v1", "1.4.2"],
    ),
]
"""One version of a service, as an intent names it."""

Ulid: TypeAlias = Annotated[
    str, Meta(pattern=whole(ULID_PATTERN), description="ULID", examples=["01JD8X3M5TZ9Q4W7V2K6N0B1CE"])
]
"""The id of an operation, a release or an event."""

Duration: TypeAlias = Annotated[
    str,
    Meta(
        pattern=whole(DURATION_PATTERN),
        description="a number and a unit: ms, s, m or h",
        examples=["250ms"],
    ),
]
Moment: TypeAlias = Annotated[datetime.datetime, Meta(tz=True)]
"""A point in time with its zone; one without is refused, because it cannot be compared."""

Percent: TypeAlias = Annotated[float, Meta(ge=0, le=100, description="0 to 100")]
Port: TypeAlias = Annotated[int, Meta(ge=1, le=65535)]
Text: TypeAlias = Annotated[str, Meta(max_length=2000)]


def service_parts(service: str, namespace: str = "") -> tuple[str, str]:
    """The namespace and name of a `ServiceName`; `namespace` is the default for a short one."""
    before, slash, name = service.rpartition("/")
    return (before if slash else namespace), name


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(duration: str) -> float:
    """A `Duration` in seconds.

    Raises ValueError when the text is not a number followed by ms, s, m or h.
    """
    if re.fullmatch(DURATION_PATTERN.strip("^$"), duration) is None:
        raise ValueError(f"{duration!r} is not a duration: write a number and ms, s, m or h, as in 250ms")
    unit = duration.lstrip("0123456789.")
    return float(duration[: -len(unit)]) * _UNITS[unit]
