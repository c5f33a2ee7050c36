"""Which objects of istiod's namespace are its own locks."""

import pytest

from meshwright.adapters.istio.operations import leftovers

LOCKS = [
    "istio-namespace-controller-election",
    "istio-clustertrustbundle-controller-election",
    "istio-serviceexport-controller-election",
    "istio-leader",
    "istio-gateway-leader",
    "istio-gateway-status-leader",
    "istio-status-leader",
    "istio-analyze-leader",
    "istio-gateway-deployment",
    "istio-gateway-inferencepool",
    "istio-node-untaint",
    "istio-ip-autoallocate",
]
"""of pilot/pkg/leaderelection in Istio 1.31"""


@pytest.mark.parametrize("name", LOCKS)
def test_every_lock_of_an_istiod_that_goes_is_a_leftover(name: str) -> None:
    """Also that of its revision; the lock of another revision only where no other istiod stays."""
    assert leftovers.is_lock(name, {"default"}, alone=False)
    assert leftovers.is_lock(f"{name}-default", {"default"}, alone=False)
    assert not leftovers.is_lock(f"{name}-canary", {"default"}, alone=False)
    assert leftovers.is_lock(f"{name}-canary", {"default"}, alone=True)


@pytest.mark.parametrize("name", ["istio", "istio-sidecar-injector", "istio-ca-root-cert", "values", "my-istio-leader"])
def test_what_is_no_lock_stays(name: str) -> None:
    """Configuration, and what a person has named alike."""
    assert not leftovers.is_lock(name, {"default"}, alone=True)
