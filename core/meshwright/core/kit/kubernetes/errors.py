"""What a Kubernetes API server answers instead of doing it, as outcomes of an operation.

    KubernetesError
    ├── Refused (Reject)         another try would end the same way
    │   ├── BadRequest           the request makes no sense to this server
    │   ├── Forbidden            we lack the right
    │   ├── Denied               an admission webhook or policy says no
    │   ├── NotFound             there is no such object
    │   │   └── UnknownKind      there is no such kind of object
    │   ├── AlreadyExists
    │   ├── Conflict             `causes` name other field managers and their fields; empty: it changed meanwhile
    │   ├── Invalid              `fields` break the schema or a rule
    │   ├── Gone                 the version asked for is history
    │   └── Replaced             another cluster answers than before
    └── Away (Retry)             time may mend it
        ├── Unauthorized         the credentials are not taken, or not any more
        ├── TooManyRequests      with the server's own Retry-After
        ├── Unavailable          a server error, a webhook that does not answer, a namespace that is going away
        └── Unreachable          no answer at all

Invariant: nothing else leaves the client, so a handler that lets these through ends as it should: refused with the
server's own words and a remedy, or tried again later.
"""

import re
from typing import Any, ClassVar

import msgspec

from meshwright.core.operations.outcomes import Outcome, Reject, Retry
from meshwright.schemas.errors import Failure, FieldError

_LONGEST = 1500
_MANAGER = re.compile(r'conflict with "(.+?)"(?: with subresource "\w*")?(?: using|$|:)')
_TYPED_PATCH = re.compile(r"failed to create typed patch object|\.[\w\[\]\".-]+: field not declared in schema")
_TYPED_FIELD = re.compile(r"(?:^|\): |^\s+)(\.[^\s:]+): (.+)$", re.MULTILINE)
_WEBHOOK_DENIED = re.compile(r'admission webhook "([^"]+)" denied|ValidatingAdmissionPolicy \'?"?([\w.-]+)')
_WEBHOOK_AWAY = re.compile(r'failed calling webhook "([^"]+)"')


class Cause(msgspec.Struct, frozen=True):
    """One reason of a Status; for a conflict `message` names the other manager."""

    reason: str = ""
    message: str = ""
    field: str = ""

    @property
    def manager(self) -> str:
        """The other field manager of a conflict."""
        match = _MANAGER.search(self.message)
        return match[1] if match else ""


class Details(msgspec.Struct, frozen=True, rename={"retry_after": "retryAfterSeconds"}):
    """What a Status says more exactly."""

    name: str = ""
    group: str = ""
    kind: str = ""
    causes: list[Cause] = []
    retry_after: float = 0


class StatusMeta(msgspec.Struct, frozen=True, rename={"more": "continue"}):
    """Of an expired list: where to go on without consistency."""

    more: str = ""


class Status(msgspec.Struct, frozen=True):
    """The body of a refusal, as Kubernetes defines it."""

    message: str = ""
    reason: str = ""
    code: int = 0
    details: Details | None = None
    metadata: StatusMeta = StatusMeta()

    @property
    def causes(self) -> list[Cause]:
        """Its reasons, if it tells any."""
        return self.details.causes if self.details else []


class KubernetesError(Outcome):
    """The common part; `status` is what the server said, empty where it said nothing."""

    code: ClassVar[str] = "MW5000"
    cause: ClassVar[str] = ""
    remedy: ClassVar[str] = ""
    status: Status
    failure: Failure


class Refused(KubernetesError, Reject):
    """Another try would end the same way."""

    def __init__(self, what: str, status: Status | None = None, *, remedy: str = "") -> None:
        super().__init__(_failure(self, what, remedy, retryable=False))
        self.status = status or Status()

    @property
    def causes(self) -> list[Cause]:
        """The reasons that the server gave, each with its field."""
        return self.status.causes

    @property
    def fields(self) -> list[FieldError]:
        """The same for people who wrote the object."""
        if not self.causes:
            matches = _TYPED_FIELD.findall(self.status.message)
            return [FieldError(detail=detail, pointer=pointer(field)) for field, detail in matches]
        return [FieldError(detail=each.message, pointer=pointer(each.field)) for each in self.causes]


class BadRequest(Refused):
    """The request makes no sense to this server."""

    code = "MW5001"
    remedy = "The server may be of a version that lacks what was asked for."


class Forbidden(Refused):
    """We lack the right."""

    code = "MW5002"
    cause = "The credentials of the connection lack this right."
    remedy = "Grant it to the user or service account that the message names, then retry."


class Denied(Refused):
    """An admission webhook or policy says no."""

    code = "MW5003"
    cause = "An admission check of the cluster refused the object."
    remedy = "Change the object as the message says, or ask whoever runs the check."


class NotFound(Refused):
    """There is no such object."""

    code = "MW5004"


class UnknownKind(NotFound):
    """There is no such kind of object."""

    code = "MW5005"
    cause = "Neither the server itself nor a CustomResourceDefinition of the cluster serves it."
    remedy = "Install what brings the CustomResourceDefinition first."


class AlreadyExists(Refused):
    """There is one of this name."""

    code = "MW5006"


class Conflict(Refused):
    """Others own fields, or the object changed meanwhile."""

    code = "MW5007"
    cause = "Another field manager owns what was to be changed, or the object was changed at the same time."
    remedy = "Leave the fields to their owner, or take them over with --take-over."

    @property
    def owners(self) -> dict[str, list[str]]:
        """The fields that others own, by field manager."""
        owners: dict[str, list[str]] = {}
        for each in self.causes:
            if each.manager:
                owners.setdefault(each.manager, []).append(each.field)
        return owners


class Invalid(Refused):
    """Fields break the schema of their kind or a rule."""

    code = "MW5008"
    remedy = "Correct the fields named."


class Gone(Refused):
    """The version asked for is history: list again."""

    code = "MW5009"


class Replaced(Refused):
    """Another cluster answers than before."""

    code = "MW5018"
    cause = "The address or the settings of the connection lead to another cluster than when the operation began."
    remedy = "Nothing was changed in this one. Ask for the operation again to have it done here."


class Away(KubernetesError, Retry):
    """Time may mend it."""

    after = 2.0

    def __init__(self, what: str, status: Status | None = None, *, after: float = 0.0) -> None:
        super().__init__(after or type(self).after, _failure(self, what, "", retryable=True))
        self.status = status or Status()


class Unauthorized(Away):
    """The credentials are not taken, or not any more."""

    code = "MW5010"
    cause = "The token or certificate of the connection is wrong, has ended or was revoked."
    remedy = "Give the connection new credentials with `meshwright connections set`; what waits for it goes on then."
    after = 10.0


class TooManyRequests(Away):
    """The server throttles us."""

    code = "MW5011"
    cause = "The server has more to do than it can."
    remedy = "It is tried again by itself; see the server's priority and fairness settings if it lasts."


class Unavailable(Away):
    """A server error, a webhook that does not answer, a namespace that is going away."""

    code = "MW5012"
    remedy = "It is tried again by itself; the logs of the API server or of the webhook say more if it lasts."


class Unreachable(Away):
    """No answer at all."""

    code = "MW5013"
    cause = "The server is down, the network is cut, or its certificate is not the one that the connection trusts."
    remedy = "It is tried again by itself; see `meshwright connections test` if it lasts."


class Closed(Away):
    """This client was closed, as the connection has other settings now."""

    code = "MW5014"
    after = 0.1


_BY_REASON: dict[str, type[Refused]] = {
    "Forbidden": Forbidden,
    "NotFound": NotFound,
    "AlreadyExists": AlreadyExists,
    "Conflict": Conflict,
    "Invalid": Invalid,
    "Gone": Gone,
    "Expired": Gone,
    "BadRequest": BadRequest,
}
_BY_CODE: dict[int, type[Refused]] = {
    400: BadRequest, 403: Forbidden, 404: NotFound, 409: Conflict, 410: Gone, 422: Invalid,
}  # fmt: skip


def from_response(http_status: int, body: bytes, what: str, retry_after: str = "") -> KubernetesError:
    """The error that an answer of this HTTP status amounts to; `what` says what was asked for."""
    try:
        status = msgspec.json.decode(body, type=Status)
    except msgspec.DecodeError:
        status = Status(message=body[:300].decode(errors="replace").strip(), code=http_status)
    detail = f"{what}: {status.message or f'HTTP {http_status}'}"
    if http_status == 401:
        return Unauthorized(detail, status)
    if http_status == 429:
        after = seconds(retry_after) or (status.details.retry_after if status.details else 0.0)
        return TooManyRequests(detail, status, after=after)
    if _TYPED_PATCH.search(status.message):
        return Invalid(detail, status)  # the server calls it an internal error of its own
    if any(each.reason == "NamespaceTerminating" for each in status.causes):
        return Unavailable(f"{detail} (its namespace is being deleted)", status)
    if http_status >= 500:
        away = _WEBHOOK_AWAY.search(status.message)
        return Unavailable(f"{detail} (the webhook {away[1]} does not answer)" if away else detail, status)
    if _WEBHOOK_DENIED.search(status.message):
        return Denied(detail, status)
    kind = _BY_REASON.get(status.reason) or _BY_CODE.get(http_status, BadRequest)
    return kind(detail, status)


def seconds(retry_after: str) -> float:
    """What a Retry-After header says; 0 where it is absent or a date."""
    return float(retry_after) if retry_after.isdigit() else 0.0


def pointer(field: str) -> str:
    """The JSON pointer of a field path as Kubernetes writes it (`spec.ports[0].port`, `.data.x`)."""
    parts = re.findall(r"\[([^\]]*)\]|([^.\[\]]+)", field)
    path = "/".join((index or name).strip('"').replace("~", "~0").replace("/", "~1") for index, name in parts)
    return f"#/{path}" if path else "#"


def _failure(error: KubernetesError, what: str, remedy: str, *, retryable: bool) -> Failure:
    details: dict[str, Any] = {}
    return Failure(
        code=error.code,
        what=what[:_LONGEST],
        cause=error.cause,
        remedy=remedy or error.remedy,
        retryable=retryable,
        details=details,
    )
