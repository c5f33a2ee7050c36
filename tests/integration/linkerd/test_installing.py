"""Linkerd is installed from charts on a real API server with nodes that play, gets other certificates, and is removed.

The chart of the control plane is a stand-in of our own (`rig.linkerd.charts`); the definitions are Linkerd's real ones.
"""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from meshwright.adapters.linkerd import adapter
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.installing.authorities import Authorities
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.operations import InstallMesh, RotateCertificates, UninstallMesh, UpgradeMesh
from rig.kubernetes.designs import MESH
from rig.kubernetes.operating import Operator, emptied, operating
from rig.linkerd.charts import chart_folder
from testbed.cluster import KubernetesServer

pytestmark = pytest.mark.servers
_NEWER = "edge-26.8.1"


@pytest.fixture
async def operator(kubernetes_server: KubernetesServer, tmp_path: Path) -> AsyncIterator[Operator]:
    """Somebody who runs operations of this adapter on a cluster without Linkerd."""
    settings = Kubernetes(kubeconfig=kubernetes_server.kubeconfig())
    await emptied(settings, "linkerd")
    async with operating(adapter, settings, chart_folder(tmp_path), tmp_path) as result:
        yield result
    await emptied(settings, "linkerd")


async def secret(operator: Operator, name: str) -> dict[str, str]:
    """What a secret of the control plane holds."""
    body = await operator.find("Secret", name, "linkerd")
    return {key: base64.b64decode(value).decode() for key, value in body["data"].items()}


async def bundle(operator: Operator) -> list[x509.Certificate]:
    """The anchors that proxies are told to trust."""
    body = await operator.find("ConfigMap", "linkerd-identity-trust-roots", "linkerd")
    return x509.load_pem_x509_certificates(body["data"]["ca-bundle.crt"].encode())


async def issuer(operator: Operator) -> x509.Certificate:
    """The certificate of the identity controller."""
    return x509.load_pem_x509_certificate((await secret(operator, "linkerd-identity-issuer"))["tls.crt"].encode())


async def test_linkerd_comes_once_and_goes_without_a_trace(operator: Operator) -> None:
    """All that its charts bring is there and ready; asked for again nothing is done; removed, all is as before."""
    before = await operator.everything()
    shown = await operator.previewed(InstallMesh(values=operator.values))
    result = await operator.do(InstallMesh(values=operator.values))
    assert [each["chart"] for each in result["components"]] == ["", "linkerd-crds", "linkerd-control-plane"]
    record = await operator.record()
    assert record is not None
    for ref in (ref for component in record.components for ref in component.inventory):
        assert await (await operator.cluster()).find(ref), ref
        assert str(ref) in shown
    identity = await operator.find("Deployment", "linkerd-identity", "linkerd", "apps")
    assert identity["status"]["availableReplicas"] == 1
    assert (await operator.do(InstallMesh(values=operator.values)))["unchanged"]
    removed = await operator.do(UninstallMesh(definitions="unused"))
    assert removed["kept"] == []
    assert await operator.everything() == before
    assert await operator.record() is None
    assert await (await Authorities.open(operator.runtime)).get(MESH) is None


async def test_certificates_are_as_linkerd_demands_and_no_key_lies_open(operator: Operator) -> None:
    """A separate anchor and issuer on P-256, the issuer an authority of workloads alone; keys in secrets and sealed."""
    await operator.do(InstallMesh(values=operator.values))
    (anchor,), signer = await bundle(operator), await issuer(operator)
    signer.verify_directly_issued_by(anchor)
    assert anchor.public_key() != signer.public_key()
    for each, name, below in ((anchor, "root.linkerd.cluster.local", 1), (signer, "identity.linkerd.cluster.local", 0)):
        assert each.subject.rfc4514_string() == f"CN={name}"
        public = each.public_key()
        assert isinstance(public, ec.EllipticCurvePublicKey)
        assert public.curve.name == "secp256r1"
        constraints = each.extensions.get_extension_for_class(x509.BasicConstraints)
        assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, below)
        assert each.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    key = (await secret(operator, "linkerd-identity-issuer"))["tls.key"].strip().splitlines()[1]
    for bucket in ("authorities", "installations", "installation-plans"):
        stored = await operator.runtime.bucket(bucket)
        for name in await stored.keys():
            entry = await stored.get(name)
            assert entry is not None
            assert key.encode() not in entry.value
    webhook = await operator.find(
        "MutatingWebhookConfiguration", "linkerd-proxy-injector-webhook-config", group="admissionregistration.k8s.io"
    )
    served = (await secret(operator, "linkerd-proxy-injector-k8s-tls"))["tls.crt"]
    assert base64.b64decode(webhook["webhooks"][0]["clientConfig"]["caBundle"]).decode().strip() == served.strip()


async def test_an_issuer_is_replaced_without_restarting_anything(operator: Operator) -> None:
    """Another one of the same anchor lies in the secret; the control plane goes on as it was."""
    await operator.do(InstallMesh(values=operator.values))
    (anchor,), before = await bundle(operator), await issuer(operator)
    was = await operator.find("Deployment", "linkerd-identity", "linkerd", "apps")
    await operator.do(RotateCertificates())
    after = await issuer(operator)
    assert after.serial_number != before.serial_number
    after.verify_directly_issued_by(anchor)
    assert await bundle(operator) == [anchor]
    now = await operator.find("Deployment", "linkerd-identity", "linkerd", "apps")
    assert now["metadata"]["generation"] == was["metadata"]["generation"]


async def test_an_anchor_is_replaced_in_steps_none_of_which_cuts_a_proxy_off(operator: Operator) -> None:
    """Both are trusted, then the new one signs, then the old one goes; a proxy that is behind is named."""
    await operator.do(InstallMesh(values=operator.values))
    (old,) = await bundle(operator)

    async def step(stage: str) -> Any:
        return await operator.do(UpgradeMesh(values={"anchor": stage}))

    with pytest.raises(kit.Reject, match="one anchor alone"):
        await step("switch")
    await step("add")
    first, new = await bundle(operator)
    assert first == old
    (await issuer(operator)).verify_directly_issued_by(old)
    cluster = await operator.cluster()
    await cluster.apply(_proxy({"linkerd.io/trust-root-sha256": "of-the-old-one"}), owner="me")
    with pytest.raises(kit.Reject, match="default/client do not trust the new anchor"):
        await step("switch")
    await cluster.delete(k8s.reference_of(_proxy({})))
    failing = {"anchor": "switch", "control_plane": {"controllerReplicas": -1}}
    with pytest.raises(kit.Reject, match="Invalid value: -1"):
        await operator.do(UpgradeMesh(values=failing))
    (await issuer(operator)).verify_directly_issued_by(old)
    await step("switch")
    (await issuer(operator)).verify_directly_issued_by(new)
    assert await bundle(operator) == [old, new]
    await step("retire")
    assert await bundle(operator) == [new]
    (await issuer(operator)).verify_directly_issued_by(new)


async def test_an_upgrade_is_taken_back_with_its_certificates_when_it_fails(operator: Operator, tmp_path: Path) -> None:
    """To a newer release and not back; what fails leaves the release and the certificates that were there."""
    await operator.do(InstallMesh(values=operator.values))
    (anchor,), signer = await bundle(operator), await issuer(operator)
    newer = str(chart_folder(tmp_path / "newer", _NEWER))
    broken = {"charts": newer, "anchor": "add", "control_plane": {"proxyInjector": {"externalSecret": False}}}
    with pytest.raises(kit.Reject, match="this chart makes no certificates"):
        await operator.do(UpgradeMesh(version=_NEWER, values=broken))
    assert (await bundle(operator), await issuer(operator)) == ([anchor], signer)
    result = await operator.do(UpgradeMesh(version=_NEWER, values={"charts": newer}))
    assert result["version"] == _NEWER
    plane = await operator.find("Deployment", "linkerd-destination", "linkerd", "apps")
    assert plane["spec"]["template"]["spec"]["containers"][0]["image"].endswith(_NEWER)
    assert (await bundle(operator), await issuer(operator)) == ([anchor], signer)
    with pytest.raises(kit.Reject, match="cannot be brought to"):
        await operator.do(UpgradeMesh(version="edge-25.10.7", values={"charts": newer}))


async def test_what_cannot_be_installed_is_refused_before_anything_is_changed(operator: Operator) -> None:
    """A private key among values, a word that is no release, charts that are not there: each named."""
    before = await operator.everything()
    keyed = {**operator.values, "control_plane": {"identity": {"issuer": {"tls": {"keyPEM": "x"}}}}}
    for arguments, words in (
        (InstallMesh(values=keyed), "a private key is no value"),
        (InstallMesh(version="1.2-x", values=operator.values), "is no release"),
        (InstallMesh(profile="ambient", values=operator.values), "Linkerd has no profiles"),
        (InstallMesh(values={"charts": "/nowhere"}), "linkerd-crds"),
    ):
        with pytest.raises(kit.Reject, match=words):
            await operator.do(arguments)
    assert await operator.everything() == before


async def test_what_is_kept_of_a_removed_linkerd_is_told(operator: Operator) -> None:
    """Definitions that nobody asked for, and a namespace in which others have something; nobody is injected then."""
    await operator.do(InstallMesh(values=operator.values))
    cluster = await operator.cluster()
    meta = {"name": "shop", "annotations": {"linkerd.io/inject": "enabled"}}
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta}, owner="me")
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "namespace": "linkerd"}}
    await cluster.apply(theirs, owner="me")
    result = await operator.do(UninstallMesh())
    because = {each["resource"]: each["because"] for each in result["kept"]}
    assert "definitions go only when asked" in because["CustomResourceDefinition servers.policy.linkerd.io"]
    assert "others made" in because["Namespace linkerd"]
    shop = await operator.find("Namespace", "shop")
    assert "annotations" not in shop["metadata"]
    assert await operator.find("Secret", "linkerd-identity-issuer", "linkerd") is None


def _proxy(annotations: dict[str, str]) -> dict[str, Any]:
    """A pod with a proxy."""
    meta = {
        "name": "client",
        "namespace": "default",
        "labels": {"linkerd.io/control-plane-ns": "linkerd"},
        "annotations": annotations,
    }
    containers = [{"name": "linkerd-proxy", "image": "proxy:1"}, {"name": "app", "image": "app:1"}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": containers}}
