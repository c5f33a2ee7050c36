"""Analysis of the certificates of Gateways: whether they are there, belong to their keys, and are valid today.

Invariant: nothing of a Secret stands in a finding but its name and when its certificate ends.
"""

import base64
import binascii
import datetime
from collections.abc import Iterator

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from meshwright.adapters.istio.analysis import shapes
from meshwright.adapters.istio.analysis.registry import analyzers
from meshwright.core.kit.analysis import Manifest, Manifests, Observation
from meshwright.core.kit.analysis.manifests import items, mapping

_NAMES = (("tls.crt", "tls.key"), ("cert", "key"))


@analyzers.analyzer("MW3505", "MW3508", needs=[("", "Secret")])
def credentials_can_be_used(manifests: Manifests) -> Iterator[Observation]:
    """The Secret of each credentialName, in the namespace of the pods that read it."""
    pods = shapes.pods(manifests)
    for gateway in manifests.of(shapes.NETWORKING, "Gateway"):
        chosen = mapping(gateway.spec.get("selector"))
        namespaces = {each.namespace for each in pods if each.has(chosen)} or {gateway.ref.namespace}
        for index, server in enumerate(map(mapping, items(gateway.spec.get("servers")))):
            name = mapping(server.get("tls")).get("credentialName")
            if not isinstance(name, str) or not name:
                continue
            for namespace in sorted(namespaces):
                code, words = _problem(manifests.get("", "Secret", namespace, name))
                if code:
                    message = f"the Secret {name} in {namespace} {words}"
                    pointer = f"#/spec/servers/{index}/tls/credentialName"
                    yield Observation(code=code, manifest=gateway, message=message, pointer=pointer)


def _problem(secret: Manifest | None) -> tuple[str, str]:
    """The code of what is wrong with a credential, and in words; empty when nothing is."""
    if secret is None:
        return "MW3505", "does not exist"
    pair = next(filter(None, (_pair(secret, *names) for names in _NAMES)), None)
    if pair is None:
        return "MW3505", "holds no certificate with its key"
    words = _invalid(*pair)
    return ("MW3508", words) if words else ("", "")


def _invalid(certificate: bytes, key: bytes) -> str:
    try:
        own = x509.load_pem_x509_certificates(certificate)[0]
    except (ValueError, IndexError):
        return "holds a certificate that cannot be read"
    try:
        private = serialization.load_pem_private_key(key, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "holds a key that cannot be read, or not without a password"
    if own.public_key() != private.public_key():
        return "holds a key that is not the one of its certificate"
    if own.not_valid_after_utc < datetime.datetime.now(datetime.UTC):
        return f"holds a certificate that ended on {own.not_valid_after_utc:%Y-%m-%d}"
    return ""


def _pair(secret: Manifest, certificate: str, key: str) -> tuple[bytes, bytes] | None:
    """The certificate and key under these names, as PEM; None when one of them is not there."""
    one, other = _pem(secret, certificate), _pem(secret, key)
    return (one, other) if one and other else None


def _pem(secret: Manifest, name: str) -> bytes:
    if name in (texts := mapping(secret.body.get("stringData"))):
        content = str(texts[name]).encode()
    else:
        try:
            content = base64.b64decode(str(mapping(secret.body.get("data")).get(name) or ""), validate=True)
        except (binascii.Error, ValueError):
            return b""
    return content if b"-----BEGIN " in content else b""
