"""What Kuma's policies say is read back as intents: whole, or not at all with the reason."""

from typing import Any

import pytest

import meshwright.adapters.kuma  # noqa: F401 - registers the translators
from meshwright.adapters.kuma.adapter import adapter
from meshwright.adapters.kuma.importing import importers
from meshwright.core.kit.analysis import from_object
from meshwright.schemas import intents as wishes
from meshwright.schemas.designs import ImportedDesign
from meshwright.schemas.intents import AnyIntent
from rig.kubernetes.bookinfo import translated
from rig.kuma.meshes import bookinfo


def imported(*bodies: dict[str, Any]) -> ImportedDesign:
    """The design that resources are, beside the services of the sample application."""
    around = [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": each.name, "namespace": each.namespace},
            "spec": {"selector": each.selector, "ports": [{"port": 9080}]},
        }
        for each in bookinfo().services
    ]
    return importers.run([from_object(each) for each in (*around, *bodies)])


@pytest.mark.parametrize("version", ["3.0", "2.14"])
@pytest.mark.parametrize(
    "intent",
    [
        wishes.Retry(service="reviews", attempts=2, per_try_timeout="250ms"),
        wishes.Timeout(service="reviews", timeout="1500ms"),
        wishes.CircuitBreaker(service="reviews", max_requests=7, outlier_detection=wishes.OutlierDetection()),
        wishes.LoadBalancing(service="reviews", policy="ring-hash", hash_header="x-user"),
        wishes.RateLimit(service="reviews", requests=5, per="60s"),
    ],
    ids=lambda intent: type(intent).__name__,
)
def test_what_a_design_has_made_comes_back_as_it_was(intent: AnyIntent, version: str) -> None:
    """Of 3.0 and before, by labels and by name."""
    result = imported(*translated(adapter, bookinfo(version=version), [intent])["resources"])
    assert result.design.intents == [intent]
    assert result.unexpressed == []


def test_what_says_more_is_left_whole_and_named() -> None:
    """A field that no intent has, callers told apart, a service that is not there."""
    (retry,) = translated(adapter, bookinfo(), [wishes.Retry(service="reviews", attempts=2)])["resources"]
    retry["spec"]["to"][0]["default"]["http"]["backOff"] = {"baseInterval": "1s"}
    (limit,) = translated(adapter, bookinfo(), [wishes.RateLimit(service="reviews", requests=5)])["resources"]
    limit["spec"]["rules"][0]["matches"] = [{"spiffeID": {"type": "Exact", "value": "spiffe://a/b"}}]
    (timeout,) = translated(adapter, bookinfo(), [wishes.Timeout(service="reviews", timeout="1s")])["resources"]
    timeout["spec"]["to"][0]["targetRef"] = {"kind": "MeshService", "labels": {"kuma.io/display-name": "gone"}}
    result = imported(retry, limit, timeout)
    assert result.design.intents == []
    assert {each.location.ref.kind for each in result.unexpressed if each.location.ref} == {
        "MeshRetry",
        "MeshRateLimit",
        "MeshTimeout",
    }
