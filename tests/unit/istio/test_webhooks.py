"""Webhooks that the API server cannot ask are told with the reason and with what to do."""

import base64
import datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from meshwright.adapters.istio import webhooks
from meshwright.core.kit.kubernetes.installing.webhooks import last_end

NOW = datetime.datetime.now(datetime.UTC)


def bundle(*days: int) -> str:
    """A bundle of certificates that end in so many days."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "root")])
    result = b""
    for each in days:
        builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(NOW - datetime.timedelta(days=999))
        certificate = builder.not_valid_after(NOW + datetime.timedelta(days=each)).sign(key, hashes.SHA256())
        result += certificate.public_bytes(serialization.Encoding.PEM)
    return base64.b64encode(result).decode()


def injector(authority: str, name: str = "istio-sidecar-injector") -> dict[str, Any]:
    """A configuration of webhooks, one of which injects."""
    hook = {"name": "rev.namespace.sidecar-injector.istio.io", "clientConfig": {"caBundle": authority}}
    return {"metadata": {"name": name}, "webhooks": [hook, {"name": "object.istio.io"}]}


@pytest.mark.parametrize(
    ("days", "status", "reason"),
    [((3650,), "True", "AsExpected"), ((-1,), "False", "CertificateExpired"), ((-1, 10), "True", "AsExpected")],
)
def test_an_authority_that_has_ended_is_told(days: tuple[int, ...], status: str, reason: str) -> None:
    """While a root is changed the bundle has both, and the newer one counts."""
    one = webhooks.injection([injector(bundle(*days))], "default")
    assert (one.type, one.status, one.reason) == ("InjectionReady", status, reason)
    assert "istio-sidecar-injector" in one.message
    assert ("restart istiod" in one.message) == (status == "False")


def test_webhooks_that_are_missing_or_not_ready_are_told() -> None:
    """None at all, one that does not inject, one that istiod has not written its authority into."""
    assert webhooks.injection([], "canary").reason == "NoWebhook"
    assert "revision canary" in webhooks.injection([], "canary").message
    other = {"metadata": {"name": "other"}, "webhooks": [{"name": "x.y"}]}
    assert webhooks.injection([other], "default").reason == "NoWebhook"
    assert webhooks.injection([injector("")], "default").reason == "NoCertificate"
    assert webhooks.validation([other]).reason == "NoWebhook"
    assert webhooks.validation([injector(bundle(1), "istio-validator")]).status == "True"


@given(st.text(max_size=60))
def test_a_bundle_that_cannot_be_read_says_nothing_of_its_end(text: str) -> None:
    """Whatever stands there: the API server judges it."""
    assert last_end(text) is None
