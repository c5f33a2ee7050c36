"""Certificates of Gateways: one that cannot be used is found before clients are refused, and no secret is told."""

import base64
import datetime
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from meshwright.adapters.istio.analysis import analyzers
from meshwright.core.kit.analysis import Manifests, read_files
from meshwright.schemas.findings import Finding, SourceFile

NOW = datetime.datetime.now(datetime.UTC)
KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
GATEWAY = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "g"},
    "spec": {
        "selector": {"app": "gw"},
        "servers": [
            {
                "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
                "hosts": ["a.example.org"],
                "tls": {"mode": "SIMPLE", "credentialName": "c"},
            }
        ],
    },
}


def certificate(days: int) -> str:
    """A certificate of KEY that ends in so many days."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a.example.org")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW - datetime.timedelta(days=30))
    signed = builder.not_valid_after(NOW + datetime.timedelta(days=days)).sign(KEY, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def pem(key: ec.EllipticCurvePrivateKey, password: bytes = b"") -> str:
    """A private key as PEM."""
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden).decode()


def findings(content: dict[str, Any], namespace: str = "default") -> list[Finding]:
    """What is said of the Gateway's credential when its Secret has this content."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "c", "namespace": namespace}, **content}
    file = SourceFile(name="a.yaml", content=yaml.safe_dump_all([GATEWAY, secret]))
    manifests, _ = read_files([file])
    return [each for each in analyzers.run(Manifests(manifests)).findings if each.code in ("MW3505", "MW3508")]


@pytest.mark.parametrize("names", [("tls.crt", "tls.key"), ("cert", "key")])
def test_a_valid_pair_is_no_finding(names: tuple[str, str]) -> None:
    """Under both pairs of names that Istio reads, encoded or as text."""
    pair = dict(zip(names, (certificate(30), pem(KEY)), strict=True))
    assert findings({"stringData": pair}) == []
    assert findings({"data": {key: base64.b64encode(text.encode()).decode() for key, text in pair.items()}}) == []


@pytest.mark.parametrize(
    ("crt", "key", "words"),
    [
        (certificate(-1), pem(KEY), f"ended on {NOW - datetime.timedelta(days=1):%Y-%m-%d}"),
        (certificate(30), pem(OTHER), "not the one of its certificate"),
        (certificate(30), pem(KEY, b"hunter2"), "cannot be read, or not without a password"),
        (certificate(30), "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----", "a key that cannot be read"),
        ("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----", pem(KEY), "certificate that cannot be read"),
    ],
)
def test_a_pair_that_cannot_be_used_is_found(crt: str, key: str, words: str) -> None:
    """At the Gateway's credentialName, in words that hold nothing of the Secret."""
    (finding,) = findings({"stringData": {"tls.crt": crt, "tls.key": key}})
    assert (finding.code, finding.location.pointer) == ("MW3508", "#/spec/servers/0/tls/credentialName")
    assert words in finding.message
    assert not any(line in finding.message for line in key.splitlines()[1:])


def test_a_secret_that_is_not_there_or_empty_is_another_finding() -> None:
    """Elsewhere, without a key, or with what is no base64."""
    pair = {"tls.crt": certificate(30), "tls.key": pem(KEY)}
    for content, namespace in (
        ({"stringData": pair}, "elsewhere"),
        ({"stringData": {"tls.crt": certificate(30)}}, "default"),
        ({"data": {"tls.crt": "?", "tls.key": "?"}}, "default"),
        ({}, "default"),
    ):
        (finding,) = findings(content, namespace)
        assert finding.code == "MW3505"
