"""Which annotations of pods change so that they take part in Consul, or do not."""

import pytest

from meshwright.adapters.consul.cluster.enrolling import of_namespace, of_pods
from meshwright.adapters.consul.cluster.planes import Injecting
from meshwright.core.kit.kubernetes.enrolment.workloads import Controller
from meshwright.schemas.references import ResourceRef

INJECT, VERSION = "consul.hashicorp.com/connect-inject", "consul.hashicorp.com/service-meta-version"
ASKED = Injecting()
BY_DEFAULT = Injecting(default=True, selector={"matchLabels": {"mesh": "on"}})
REF = ResourceRef(group="apps", kind="Deployment", namespace="shop", name="web")


@pytest.mark.parametrize(
    ("injecting", "annotations", "joined", "changes"),
    [
        (ASKED, {}, True, {INJECT: "true", VERSION: "v1"}),
        (ASKED, {INJECT: "true"}, True, {VERSION: "v1"}),
        (ASKED, {INJECT: "true", VERSION: "green"}, True, {}),
        (ASKED, {INJECT: "true", VERSION: "v1"}, False, {INJECT: None, VERSION: None}),
        (ASKED, {VERSION: "green"}, False, {}),
        (BY_DEFAULT, {"consul.hashicorp.com/service-tags": "v1"}, True, {}),
        (BY_DEFAULT, {INJECT: "false", VERSION: "v1"}, True, {INJECT: None}),
        (BY_DEFAULT, {}, False, {INJECT: "false"}),
    ],
)
def test_pods_say_what_the_injector_goes_by(
    injecting: Injecting, annotations: dict[str, str], joined: bool, changes: dict[str, str | None]
) -> None:
    """Only what differs from what the injector does by itself; with it the version, where nothing tells it yet."""
    one = Controller(ref=REF, labels={"app": "web", "version": "v1"}, annotations=annotations)
    assert of_pods(one, injecting, joined=joined) == changes


def test_a_namespace_takes_part_by_the_labels_of_the_webhook() -> None:
    """Where injection is by default and by a selector; elsewhere it has no mark."""
    place = {"kind": "Namespace", "metadata": {"name": "shop", "labels": {"team": "a"}}}
    assert of_namespace(place, BY_DEFAULT, joined=True) == {"mesh": "on"}
    assert of_namespace(place, ASKED, joined=True) == {}
    place["metadata"]["labels"]["mesh"] = "on"  # type: ignore[index]  # a plain object
    assert of_namespace(place, BY_DEFAULT, joined=False) == {"mesh": None}
