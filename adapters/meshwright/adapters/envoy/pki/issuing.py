"""The mesh's certificate authority and the certificates of its workloads.

Invariant: an identity is one SPIFFE URI in one certificate that is valid for 24 hours and renewed at two thirds of
that; the authority's private key is stored only sealed in the `secrets` bucket, workload keys only in memory and on the
proxy's stream, and neither is ever part of an event or of the desired state.
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
WORKLOAD_LIFE = datetime.timedelta(hours=24)
_CLOCK_SKEW = datetime.timedelta(minutes=5)


class Former(msgspec.Struct, frozen=True, kw_only=True):
    """The authority that is being replaced. While it `issues`, proxies only learn to trust the new one."""

    key: str
    certificate: str
    issues: bool = True

    def __repr__(self) -> str:
        return f"Former(issues={self.issues})"


class Authority(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate authority. `id` is the incarnation of its mesh: another mesh has another one."""

    id: str
    key: str
    certificate: str
    former: Former | None = None

    def __repr__(self) -> str:
        return f"Authority({self.stage})"

    @property
    def stage(self) -> str:
        """The name of the trust and certificates that proxies should have now."""
        return f"{self.id}:{'' if self.former is None else 'former' if self.former.issues else 'both'}"


def advanced(authority: Authority) -> Authority:
    """The next stage of a replacement."""
    former = authority.former
    if former is not None and former.issues:
        return msgspec.structs.replace(authority, former=msgspec.structs.replace(former, issues=False))
    return msgspec.structs.replace(authority, former=None)


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """A workload's certificate with its private key, both as PEM."""

    key: str
    chain: str
    facts: Certificate
    renew_at: datetime.datetime

    def __repr__(self) -> str:
        return f"Issued({self.facts})"


def create_authority(of: str, now: datetime.datetime) -> Authority:
    """A new certificate authority; `of` names its purpose."""
    key = ec.generate_private_key(ec.SECP256R1())
    incarnation = randomness.token_hex(8)
    # A unique name: among authorities of one name a verifier may try only the first.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{incarnation} Meshwright {of}"[:64])])
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
    return Authority(id=incarnation, key=_key_pem(key), certificate=_pem(certificate))


class Issuer:
    """Issues certificates for one authority, with its key in memory."""

    def __init__(self, authority: Authority) -> None:
        former = authority.former
        by = former if former is not None and former.issues else authority
        key = serialization.load_pem_private_key(by.key.encode(), password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._key = key
        self._certificate = x509.load_pem_x509_certificate(by.certificate.encode())
        self.trust_bundle = authority.certificate + (former.certificate if former else "")

    def issue(self, spiffe_id: str, now: datetime.datetime, life: datetime.timedelta = WORKLOAD_LIFE) -> Issued:
        """A new key and certificate for this identity, valid for both sides of a connection."""
        both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        return self._issue(x509.UniformResourceIdentifier(spiffe_id), both, now, life)

    def issue_server(self, name: str, now: datetime.datetime, life: datetime.timedelta) -> Issued:
        """A new key and certificate for a server of this DNS name, valid for nothing else."""
        return self._issue(x509.DNSName(name), [ExtendedKeyUsageOID.SERVER_AUTH], now, life)

    def _issue(
        self,
        name: x509.GeneralName,
        usages: list[x509.ObjectIdentifier],
        now: datetime.datetime,
        life: datetime.timedelta,
    ) -> Issued:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(key.public_key(), x509.Name([]), self._certificate.subject, now, life)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            # RFC 5280: with an empty subject the alternative name is critical
            .add_extension(x509.SubjectAlternativeName([name]), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        facts = Certificate(
            spiffe_id=str(name.value),
            serial=format(certificate.serial_number, "x"),
            not_after=certificate.not_valid_after_utc,
        )
        return Issued(key=_key_pem(key), chain=_pem(certificate), facts=facts, renew_at=now + life * 2 / 3)


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
