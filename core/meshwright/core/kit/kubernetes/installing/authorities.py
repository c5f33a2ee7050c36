"""The certificate authorities of installations that bring none of their own: made, sealed, rotated.

Problem: whoever reads the key of an authority can take the part of every workload of its mesh, and what a worker keeps
lies on disks and in backups. Invariant: keys are written sealed and opened here only; no step, plan, record or event
holds one. All trusted anchors form the bundle; one of them has signed the issuer. An anchor is replaced in three
steps, at none of which a certificate in use is distrusted: both are trusted, the new one signs, the old one goes.
"""

import datetime
from typing import Literal, TypeAlias

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from meshwright.core import kit
from meshwright.core.kit.buckets import Records
from meshwright.core.kit.security import sealing
from meshwright.schemas.base import Model
from meshwright.schemas.sealing import Sealed

Stage: TypeAlias = Literal["add", "switch", "retire"]
ANCHOR_DAYS, ISSUER_DAYS, SERVER_DAYS = 3650, 365, 3650
_SKEW = datetime.timedelta(minutes=5)


class Pair(msgspec.Struct, frozen=True):
    """A certificate and its private key, both as PEM."""

    certificate: str
    key: str

    def __repr__(self) -> str:
        return "Pair()"


class Names(Model, frozen=True, kw_only=True):
    """What the certificates of an installation are called."""

    anchor: str
    issuer: str
    servers: dict[str, str] = {}
    """of webhooks: the host of each by the name of its secret"""


class Authority(msgspec.Struct, frozen=True, kw_only=True):
    """All of one installation. `switched` is when the newest anchor began to sign, as seconds since the epoch."""

    anchors: list[Pair]
    issuer: Pair
    servers: dict[str, Pair] = {}
    switched: float = 0.0
    new_signs: bool = True
    """whether the newest of the anchors has signed the issuer"""

    def __repr__(self) -> str:
        return f"Authority({len(self.anchors)} anchors)"

    @property
    def bundle(self) -> str:
        """The certificates of all anchors, the oldest first."""
        return "\n".join(each.certificate.strip() for each in self.anchors) + "\n"


class Kept(Model, frozen=True, kw_only=True):
    """An authority as it is stored, with the one that the newest operation on it found.

    That of a removed installation is kept as the former one, for whoever takes the removal back, until the next
    installation of that name.
    """

    operation: str
    sealed: Sealed | None
    former: Sealed | None = None


class _Records(Records[Kept]):
    bucket = "authorities"
    type = Kept


class Authorities:
    """Those of the meshes of one adapter. Methods raise BusUnavailable and Reject where a key is not ours."""

    def __init__(self, runtime: kit.Runtime, records: _Records) -> None:
        self._runtime = runtime
        self._records = records

    @classmethod
    async def open(cls, runtime: kit.Runtime) -> "Authorities":
        """Those of this adapter."""
        return cls(runtime, await _Records.open(runtime))

    async def get(self, mesh: kit.MeshRef) -> Authority | None:
        """The authority of a mesh; None: it has none of ours."""
        kept = await self._records.get(mesh)
        return self._unsealed(mesh, kept.sealed) if kept and kept.sealed else None

    async def write(self, mesh: kit.MeshRef, authority: Authority, operation: str) -> None:
        """Store the authority that an operation has made."""
        context = self._context(mesh)
        await self._put(mesh, self._runtime.sealer.seal(msgspec.json.encode(authority), *context), operation)

    async def written(self, mesh: kit.MeshRef, operation: str) -> bool:
        """Whether an operation has stored its authority already."""
        kept = await self._records.get(mesh)
        return kept is not None and kept.operation == operation

    async def take_back(self, mesh: kit.MeshRef, operation: str) -> None:
        """Store again what an operation has found."""
        kept = await self._records.get(mesh)
        if kept and kept.operation == operation:
            before = Kept(operation=f"{operation}-undone", sealed=kept.former) if kept.former else None
            await self._records.put(mesh, before)

    async def forget(self, mesh: kit.MeshRef, operation: str) -> None:
        """An operation has removed the installation; a mesh without an authority stays without."""
        if await self._records.get(mesh):
            await self._put(mesh, None, operation)

    async def _put(self, mesh: kit.MeshRef, sealed: Sealed | None, operation: str) -> None:
        kept = await self._records.get(mesh)
        former = (kept.former if kept.operation == operation else kept.sealed) if kept else None
        await self._records.put(mesh, Kept(operation=operation, sealed=sealed, former=former))

    def _unsealed(self, mesh: kit.MeshRef, sealed: Sealed) -> Authority:
        try:
            return msgspec.json.decode(self._runtime.sealer.open(sealed, *self._context(mesh)), type=Authority)
        except sealing.CannotOpen as error:
            raise sealing.CannotOpen(
                f"the certificate authority of {mesh.mesh} cannot be opened: {error}. MESHWRIGHT_SECRET_KEY_FILE has to"
                " name the keys with which this installation was set up."
            ) from error

    def _context(self, mesh: kit.MeshRef) -> tuple[str, ...]:
        return self._runtime.adapter, "authority", mesh.workspace, mesh.mesh


def created(names: Names, now: datetime.datetime) -> Authority:
    """A new authority with an anchor of its own."""
    anchor = _anchor(names.anchor, now)
    servers = {secret: _self_signed(host, now) for secret, host in names.servers.items()}
    return Authority(anchors=[anchor], issuer=_issuer(names.issuer, anchor, now), servers=servers)


def with_new_issuer(authority: Authority, names: Names, now: datetime.datetime) -> Authority:
    """The same anchors, and another issuer of the one that signs."""
    signer = authority.anchors[-1] if authority.new_signs else authority.anchors[0]
    return msgspec.structs.replace(authority, issuer=_issuer(names.issuer, signer, now))


def staged(authority: Authority, stage: Stage, names: Names, now: datetime.datetime) -> Authority:
    """An authority on its way to another anchor. Raises ValueError where the stage does not fit."""
    if stage == "add":
        if len(authority.anchors) > 1:
            raise ValueError("two anchors are trusted already: say switch or retire")
        anchors = [*authority.anchors, _anchor(names.anchor, now)]
        return msgspec.structs.replace(authority, anchors=anchors, new_signs=False)
    if len(authority.anchors) < 2:
        raise ValueError("there is one anchor alone: say add first")
    if stage == "switch":
        if authority.new_signs:
            raise ValueError("the new anchor signs already: say retire")
        new = msgspec.structs.replace(authority, new_signs=True, switched=now.timestamp())
        return with_new_issuer(new, names, now)
    if not authority.new_signs:
        raise ValueError("the old anchor still signs: say switch first")
    return msgspec.structs.replace(authority, anchors=authority.anchors[-1:])


def end_of(certificate: str) -> datetime.datetime:
    """When a certificate ends."""
    return x509.load_pem_x509_certificate(certificate.encode()).not_valid_after_utc


def _anchor(name: str, now: datetime.datetime) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(name, name, key, now, ANCHOR_DAYS)
    return _signed(_as_authority(builder, key, key, 1), key, key)


def _issuer(name: str, anchor: Pair, now: datetime.datetime) -> Pair:
    """One that signs workloads and no authority, and does not outlive its anchor."""
    key, parent = ec.generate_private_key(ec.SECP256R1()), x509.load_pem_x509_certificate(anchor.certificate.encode())
    signer = serialization.load_pem_private_key(anchor.key.encode(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    days = min(ISSUER_DAYS, (parent.not_valid_after_utc - now).days)
    subject = str(parent.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
    builder = _builder(name, subject, key, now, days).add_extension(
        x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False
    )
    return _signed(_as_authority(builder, key, signer, 0), key, signer)


def _self_signed(host: str, now: datetime.datetime) -> Pair:
    """The certificate of a webhook's server, which is its own bundle."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(host, host, key, now, SERVER_DAYS)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    return _signed(_as_authority(builder, key, key, 0), key, key)


def _builder(
    name: str, issuer: str, key: ec.EllipticCurvePrivateKey, now: datetime.datetime, days: int
) -> x509.CertificateBuilder:
    subject, signer = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (name, issuer))
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _as_authority(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey, below: int
) -> x509.CertificateBuilder:
    """An authority with at most so many authorities below it (RFC 5280, 4.2.1.9)."""
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    theirs = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=below), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(own, critical=False)
        .add_extension(theirs, critical=False)
    )


def _signed(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey
) -> Pair:
    certificate = builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return Pair(certificate, private.decode())
