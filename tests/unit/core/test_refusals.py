"""Refusals of designs say each thing once."""

from meshwright.core.kit.lifecycle import failures
from meshwright.schemas.intents import Unsupported


def test_a_reason_that_several_intents_have_is_given_once() -> None:
    """With all of their kinds, and with one remedy; every intent is still in the details."""
    shared = {"because": "it compares headers in one way", "instead": "use two headers"}
    refused = [
        Unsupported(intent="header-route", **shared),
        Unsupported(intent="timeout", **shared),
        Unsupported(intent="timeout", **shared),
        Unsupported(intent="ingress", because="it has no gateway"),
    ]
    failure = failures.unsupported(refused).failure
    assert failure.what == "header-route, timeout: it compares headers in one way; ingress: it has no gateway"
    assert failure.remedy == "use two headers"
    assert len(failure.details["unsupported"]) == 4
