"""The mesh's certificate authority and the certificates of its workloads.

Invariant: an identity is one SPIFFE URI in one certificate that lives 24 hours and is renewed at two thirds of
that; the authority's private key lies in the `secrets` bucket only, workload keys in memory and on the proxy's
stream only, and neither is ever part of an event or of the desired state.
"""

import datetime
import secrets as randomness

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from meshwright.schemas.workloads import Certificate

_AUTHORITY_LIFE = datetime.timedelta(days=3650)
_WORKLOAD_LIFE = datetime.timedelta(hours=24)
_CLOCK_SKEW = datetime.timedelta(minutes=5)


class Authority(msgspec.Struct, frozen=True, kw_only=True):
    """What the `secrets` bucket holds of a mesh: its CA, and the secret from which join tokens are derived."""

    key: str
    certificate: str
    join_secret: bytes

    def __repr__(self) -> str:
        return "Authority(…)"


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """A workload's certificate with its private key, both as PEM."""

    key: str
    chain: str
    facts: Certificate
    renew_at: datetime.datetime

    def __repr__(self) -> str:
        return f"Issued({self.facts})"


def create_authority(mesh: str, now: datetime.datetime) -> Authority:
    """A new certificate authority for one mesh."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Meshwright mesh {mesh}"[:64])])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _builder(key.public_key(), name, name, now, _AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(key=_key_pem(key), certificate=_pem(certificate), join_secret=randomness.token_bytes(32))


class Issuer:
    """Issues workload certificates for one authority, whose key it holds ready."""

    def __init__(self, authority: Authority) -> None:
        key = serialization.load_pem_private_key(authority.key.encode(), password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._key = key
        self._certificate = x509.load_pem_x509_certificate(authority.certificate.encode())
        self.trust_bundle = authority.certificate

    def issue(self, spiffe_id: str, now: datetime.datetime) -> Issued:
        """A fresh key and certificate for this identity, good for both sides of a connection."""
        key = ec.generate_private_key(ec.SECP256R1())
        both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        certificate = (
            _builder(key.public_key(), x509.Name([]), self._certificate.subject, now, _WORKLOAD_LIFE)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(both), critical=False)
            # RFC 5280: with an empty subject the alternative name is critical.
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(spiffe_id)]), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        facts = Certificate(
            spiffe_id=spiffe_id,
            serial=format(certificate.serial_number, "x"),
            not_after=certificate.not_valid_after_utc,
        )
        return Issued(key=_key_pem(key), chain=_pem(certificate), facts=facts, renew_at=now + _WORKLOAD_LIFE * 2 / 3)


def _builder(
    public_key: ec.EllipticCurvePublicKey,
    subject: x509.Name,
    issuer: x509.Name,
    now: datetime.datetime,
    life: datetime.timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + life)
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
