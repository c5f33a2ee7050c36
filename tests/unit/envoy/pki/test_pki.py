"""Identities: what certificates say, how long they live, who gets a token."""

import datetime

import msgspec
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from meshwright.adapters.envoy.pki import issuing
from meshwright.adapters.envoy.pki.certificates import MeshSecrets
from meshwright.adapters.envoy.state import desired
from meshwright.schemas.workloads import WorkloadSpec

NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)


def state() -> desired.DesiredState:
    """A mesh of one workload."""
    empty = desired.DesiredState(workspace="w", mesh="m", connection="c")
    ports = {"a": desired.Ports(outbound=1, inbound=2)}
    return desired.enrol(empty, [WorkloadSpec(name="a", service="a", port=80)], ports)


def test_a_certificate_is_one_identity_for_a_day() -> None:
    """One SPIFFE URI, both sides of a connection, 24 hours, signed by the mesh's authority, which cannot delegate."""
    authority = issuing.create_authority("m", NOW)
    issued = issuing.Issuer(authority).issue("spiffe://mesh.local/ns/w/sa/a", NOW)
    certificate = x509.load_pem_x509_certificate(issued.chain.encode())
    ca = x509.load_pem_x509_certificate(authority.certificate.encode())
    certificate.verify_directly_issued_by(ca)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [name.value for name in names] == ["spiffe://mesh.local/ns/w/sa/a"]
    usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usages) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    assert certificate.not_valid_after_utc == NOW + 24 * HOUR == issued.facts.not_after
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0


def test_equal_names_in_two_meshes_do_not_pass_for_each_other() -> None:
    """Their identities may be written alike, since each mesh trusts its own authority only."""
    one, other = (issuing.create_authority(mesh, NOW) for mesh in ("one", "other"))
    identities = [msgspec.structs.replace(state(), mesh=mesh).spiffe_id("a") for mesh in ("one", "other")]
    assert identities[0] == identities[1]
    issued = x509.load_pem_x509_certificate(issuing.Issuer(one).issue(identities[0], NOW).chain.encode())
    bundle = x509.load_pem_x509_certificates(issuing.Issuer(other).trust_bundle.encode())
    for trusted in bundle:
        with pytest.raises(ValueError, match=r"[Ii]ssuer"):
            issued.verify_directly_issued_by(trusted)


def test_certificates_are_renewed_at_two_thirds() -> None:
    """The same certificate is given until 16 hours have passed, then another one."""
    secrets = MeshSecrets(issuing.create_authority("m", NOW))
    first = secrets.of(state(), "a", NOW)
    assert secrets.of(state(), "a", NOW + 15 * HOUR) is first
    assert not secrets.renewals_due(NOW + 15 * HOUR)
    assert secrets.renewals_due(NOW + 16 * HOUR)
    assert secrets.of(state(), "a", NOW + 16 * HOUR).version != first.version


def test_a_new_generation_or_trust_domain_renews() -> None:
    """Rotation and a changed trust domain each give another certificate at once."""
    secrets = MeshSecrets(issuing.create_authority("m", NOW))
    first = secrets.of(state(), "a", NOW)
    rotated = desired.rotate(state())
    second = secrets.of(rotated, "a", NOW)
    secrets.of(desired.settle(rotated, "other.local"), "a", NOW)
    facts = secrets.facts("a")
    assert first.version != second.version
    assert facts is not None and facts.spiffe_id == "spiffe://other.local/ns/w/sa/a"


def test_a_stranger_gets_no_certificate() -> None:
    """A workload that is not enrolled has no secrets."""
    assert MeshSecrets(issuing.create_authority("m", NOW)).of(state(), "b", NOW).resources == ()


def test_private_keys_are_not_in_texts() -> None:
    """What lands in a log line by accident does not contain a key."""
    authority = issuing.create_authority("m", NOW)
    issued = issuing.Issuer(authority).issue("spiffe://mesh.local/ns/w/sa/a", NOW)
    assert "PRIVATE" not in f"{authority} {authority!r} {issued} {issued!r}"
