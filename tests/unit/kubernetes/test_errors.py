"""What a refusal of an API server amounts to."""

import json
from typing import Any

import pytest

from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import errors


def refusal(code: int, message: str, reason: str = "", **details: Any) -> k8s.KubernetesError:
    """The error of a Status."""
    body = {"kind": "Status", "message": message, "reason": reason, "code": code, "details": details}
    return errors.from_response(code, json.dumps(body).encode(), "PATCH /x")


@pytest.mark.parametrize(
    ("error", "kind", "outcome"),
    [
        (refusal(401, "Unauthorized"), k8s.Unauthorized, kit.Retry),
        (refusal(403, 'User "a" cannot patch', "Forbidden"), k8s.Forbidden, kit.Reject),
        (refusal(403, 'admission webhook "check.example" denied the request: no'), k8s.Denied, kit.Reject),
        (refusal(404, "not found", "NotFound"), k8s.NotFound, kit.Reject),
        (refusal(409, "exists", "AlreadyExists"), k8s.AlreadyExists, kit.Reject),
        (refusal(410, "too old", "Expired"), k8s.Gone, kit.Reject),
        (refusal(422, "is invalid", "Invalid"), k8s.Invalid, kit.Reject),
        (refusal(429, "slow down", retryAfterSeconds=7), k8s.TooManyRequests, kit.Retry),
        (refusal(500, 'failed calling webhook "check.example"', "InternalError"), k8s.Unavailable, kit.Retry),
        (refusal(418, "a teapot"), k8s.BadRequest, kit.Reject),
    ],
)
def test_each_refusal_is_an_outcome_that_a_handler_may_let_through(
    error: k8s.KubernetesError, kind: type, outcome: type
) -> None:
    """What time may mend is tried again, the rest is rejected, each in the server's own words and with a remedy."""
    assert type(error) is kind
    assert isinstance(error, outcome)
    assert error.failure.what.startswith("PATCH /x: ")
    assert error.failure.code.startswith("MW50")


def test_a_namespace_that_goes_away_is_waited_for() -> None:
    """The server forbids it, and means: not yet."""
    causes = [{"reason": "NamespaceTerminating", "message": "is being terminated", "field": "metadata.namespace"}]
    assert isinstance(refusal(403, "forbidden", "Forbidden", causes=causes), k8s.Unavailable)


def test_an_answer_that_is_no_status_is_quoted() -> None:
    """A proxy between us and the server answers in its own way."""
    error = errors.from_response(502, b"<html>bad gateway</html>", "GET /x")
    assert isinstance(error, k8s.Unavailable)
    assert "bad gateway" in error.failure.what


@pytest.mark.parametrize(
    ("field", "pointer"),
    [
        ("spec.ports[0].port", "#/spec/ports/0/port"),
        (".data.x", "#/data/x"),
        ('metadata.labels["app/name"]', "#/metadata/labels/app~1name"),
        ("", "#"),
    ],
)
def test_a_field_path_becomes_a_pointer(field: str, pointer: str) -> None:
    """As people who wrote the document find it."""
    assert errors.pointer(field) == pointer
