"""Certificates over a mesh's life: whose, until when, and never twice the same."""

import datetime
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from hypothesis import given, settings
from hypothesis import strategies as st

from meshwright.adapters.envoy.pki import issuing
from meshwright.adapters.envoy.pki.certificates import MeshSecrets
from meshwright.adapters.envoy.pki.issuing import Issuer
from meshwright.adapters.envoy.resources import names
from meshwright.adapters.envoy.resources.snapshot import TypeSet
from meshwright.adapters.envoy.state import desired, validation
from meshwright.adapters.envoy.state.desired import DesiredState
from meshwright.adapters.envoy.xds import protojson
from meshwright.schemas.workloads import WorkloadSpec

BORN = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
AUTHORITY = issuing.create_authority("m", BORN)
PUBLIC = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def mesh(*workloads: str) -> DesiredState:
    """A mesh of these workloads."""
    ports = {name: desired.Ports(outbound=1, inbound=2) for name in workloads}
    specs = [WorkloadSpec(name=name, service=name, port=80) for name in workloads]
    return desired.enrol(DesiredState(workspace="w", mesh="m", connection="c"), specs, ports)


def leaf(content: TypeSet) -> x509.Certificate:
    """The certificate that a proxy gets."""
    return x509.load_pem_x509_certificate(pair(content)["certificate_chain"]["inline_string"].encode())


def pair(content: TypeSet) -> Any:
    """Certificate and key as the proxy gets them."""
    return next(each.body["tls_certificate"] for each in content.resources if each.name == names.IDENTITY)


def uri(certificate: x509.Certificate) -> list[Any]:
    """The identities in a certificate."""
    return [each.value for each in certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value]


STEPS = st.lists(
    st.tuples(st.just("later"), st.sampled_from([0.5, 7.0, 15.99, 30.0]))
    | st.tuples(st.just("rotate"), st.just(0.0))
    | st.tuples(st.just("move"), st.sampled_from([1.0, 2.0]))
    | st.tuples(st.just("enrol"), st.just(0.0)),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_a_proxy_always_holds_its_own_valid_certificate(steps: list[tuple[str, float]]) -> None:
    """Through time, rotations, changed trust domains and enrolments each certificate is valid, names only the
    workload, belongs to its key, and is the same until it must change.
    """
    secrets, state, now = MeshSecrets(AUTHORITY), mesh("a"), BORN
    authority = x509.load_pem_x509_certificate(AUTHORITY.certificate.encode())
    serials, former, due = set[int](), secrets.of(state, "a", now), BORN + 16 * HOUR
    for what, value in steps:
        must = what == "rotate" or (what == "move" and state.trust_domain != f"{value:g}.local")
        if what == "later":
            now += value * HOUR
        elif what == "rotate":
            state = desired.rotate(state)
        elif what == "move":
            state = desired.settle(state, f"{value:g}.local")
        else:
            state = desired.enrol(
                state, [WorkloadSpec(name="b", service="b", port=80)], {"b": state.workloads["a"].ports}
            )
        content = secrets.of(state, "a", now)
        certificate = leaf(content)
        certificate.verify_directly_issued_by(authority)
        key = load_pem_private_key(pair(content)["private_key"]["inline_string"].encode(), None)
        assert key.public_key().public_bytes(*PUBLIC) == certificate.public_key().public_bytes(*PUBLIC)
        assert certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - 8 * HOUR
        assert uri(certificate) == [state.spiffe_id("a")]
        assert (content.version != former.version) == (must or now >= due)
        if content.version != former.version:
            assert certificate.serial_number not in serials
            former, due = content, now + 16 * HOUR
        serials.add(certificate.serial_number)
    assert not secrets.renewals_due(now)


def test_who_is_gone_is_not_due_for_ever() -> None:
    """A due certificate that no proxy requested is dropped; a returning proxy gets a new one."""
    secrets, state = MeshSecrets(AUTHORITY), mesh("a", "b")
    first = secrets.of(state, "a", BORN)
    secrets.of(state, "b", BORN + HOUR)
    secrets.drop_overdue(BORN + 16 * HOUR)
    assert (secrets.facts("a"), secrets.facts("b") is None) == (None, False)
    assert not secrets.renewals_due(BORN + 16 * HOUR)
    assert secrets.of(state, "a", BORN + 16 * HOUR).version != first.version


def test_who_left_the_mesh_loses_its_certificate() -> None:
    """After its withdrawal a workload gets nothing, and enrolled again it gets another one than before."""
    secrets = MeshSecrets(AUTHORITY)
    first = secrets.of(mesh("a"), "a", BORN)
    assert secrets.of(mesh(), "a", BORN).resources == ()
    assert secrets.facts("a") is None
    assert secrets.of(mesh("a"), "a", BORN).version != first.version


def test_secrets_fit_their_type_and_trust_this_mesh_only() -> None:
    """What travels can be read by Envoy; the bundle is this mesh's authority and no other."""
    content = MeshSecrets(AUTHORITY).of(mesh("a"), "a", BORN)
    for each in content.resources:
        assert protojson.encode(each.type, each.body)
    bundle = next(each.body for each in content.resources if each.name == names.TRUST_BUNDLE)
    assert bundle["validation_context"]["trusted_ca"]["inline_string"] == AUTHORITY.certificate
    stranger = x509.load_pem_x509_certificate(issuing.create_authority("m", BORN).certificate.encode())
    with pytest.raises((InvalidSignature, ValueError)):  # another key, and a name of its own
        leaf(content).verify_directly_issued_by(stranger)


@settings(max_examples=25, deadline=None)
@given(st.text(st.sampled_from("abc09-"), min_size=1, max_size=63))
def test_an_authority_can_be_made_for_any_name_and_read_again(name: str) -> None:
    """The longest mesh name fits, the authority survives its bucket, and it may sign nothing but workloads."""
    made = issuing.create_authority(name, BORN)
    read = msgspec.json.decode(msgspec.json.encode(made), type=issuing.Authority)
    assert read == made
    authority = x509.load_pem_x509_certificate(read.certificate.encode())
    assert authority.not_valid_before_utc <= BORN
    assert authority.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    issued = x509.load_pem_x509_certificate(Issuer(read).issue("spiffe://d/ns/w/sa/a", BORN).chain.encode())
    issued.verify_directly_issued_by(authority)
    assert not issued.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@given(st.text(max_size=12) | st.from_regex(r"\A[a-z0-9._-]{1,255}\Z"))
def test_a_trust_domain_that_is_accepted_makes_identities(name: str) -> None:
    """What passes can stand in a certificate unchanged; what does not is refused at its place with an example."""
    problems = validation.trust_domain_problems(name)
    if problems:
        assert [(each.pointer, "as in mesh.local" in each.detail) for each in problems] == [("#/trust_domain", True)]
    else:
        issued = Issuer(AUTHORITY).issue(desired.settle(mesh("a"), name).spiffe_id("a"), BORN)
        assert uri(x509.load_pem_x509_certificate(issued.chain.encode())) == [f"spiffe://{name}/ns/w/sa/a"]
