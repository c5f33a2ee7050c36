"""Analysis of a live cluster: what istioctl finds there is found here, and what may not be read is said."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from meshwright.adapters.istio.analysis import analyzers, live
from meshwright.core.bus.client import requesting
from meshwright.core.kit.analysis import Manifests
from meshwright.core.kit.kubernetes import Cluster
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.findings import Analysis, AnalysisRequest, SourceFile
from meshwright.schemas.references import ResourceRef
from rig.kubernetes.worker import CONNECTION, working
from testbed import programs
from testbed.cluster import KubernetesServer
from testbed.fixtures import skip_unless_built
from testbed.istiod import Istiod

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]
NETWORKING = "networking.istio.io"
SELECTED = {"app": "web"}
LEFT_OUT = {
    "IST0101": "of a subset, which istioctl reports beside the missing host that we report alone",
    "IST0102": "of the namespaces that other tests leave for a moment",
    "IST0118": "of Kubernetes' own Service, which is nobody's to name",
    "IST0131": "of a match, where we report the route as a whole (MW3104)",
    "IST0132": "of a Gateway that is missing anyway (MW3101)",
}


def broken(namespace: str) -> list[dict[str, Any]]:
    """Resources that the API server and istiod take, and that are wrong all the same."""
    text = f"""
apiVersion: v1
kind: Service
metadata: {{name: web, namespace: {namespace}}}
spec:
  selector: {{app: web}}
  ports: [{{name: web, port: 80, targetPort: 8080}}, {{name: http, port: 81, targetPort: 8080}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: {namespace}}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web, version: v1}}}}
    spec: {{containers: [{{name: web, image: "example.invalid/web:1"}}]}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: web, namespace: {namespace}}}
spec:
  hosts: [web]
  http:
  - match: [{{uri: {{prefix: /a}}}}]
    route: [{{destination: {{host: nowhere, port: {{number: 80}}}}}}]
  - match: [{{uri: {{prefix: /ab}}}}]
    route: [{{destination: {{host: web, port: {{number: 80}}, subset: v2}}}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: web, namespace: {namespace}}}
spec: {{host: web, subsets: [{{name: v2, labels: {{version: v2}}}}], trafficPolicy: {{tls: {{mode: SIMPLE}}}}}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: nobody, namespace: {namespace}}}
spec: {{selector: {{matchLabels: {{app: nobody}}}}}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: edge, namespace: {namespace}}}
spec:
  selector: {{app: web}}
  servers:
  - port: {{number: 443, name: https, protocol: HTTPS}}
    hosts: [a.example.org]
    tls: {{mode: SIMPLE, credentialName: nothing}}
"""
    return [dict(each) for each in yaml.safe_load_all(text)]


async def istioctl(kubeconfig: Path, namespace: str) -> list[dict[str, Any]]:
    """What istioctl finds in a namespace."""
    process = await asyncio.create_subprocess_exec(
        str(programs.ISTIOCTL.path), "analyze", "-n", namespace, "-o", "json", "--kubeconfig", str(kubeconfig),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    async with asyncio.timeout(120):
        output, _ = await process.communicate()
    result: list[dict[str, Any]] = json.loads(output or b"[]") or []
    return result


async def analyzed(cluster: Cluster) -> Analysis:
    """Our findings about a cluster."""
    resources = await live.read(cluster)
    return analyzers.run(Manifests(resources.manifests), complete=True, unread=resources.unread)


async def test_what_istioctl_finds_is_found(
    istiod: Istiod, cluster: Cluster, namespace: str, kubernetes_server: KubernetesServer, tmp_path: Path
) -> None:
    """Each finding of istioctl about these resources has its equivalent on the same resource, or a reason."""
    skip_unless_built(programs.ISTIOCTL)
    for body in broken(namespace):
        await cluster.apply(body, owner="test")
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(kubernetes_server.kubeconfig())
    theirs = await istioctl(kubeconfig, namespace)
    ours = await analyzed(cluster)
    assert ours.unread == []
    known = {
        (equivalent, each.location.ref.name)
        for each in ours.findings
        if each.location.ref and each.location.ref.namespace in (namespace, "")
        for equivalent in analyzers.rules[each.code].equivalents
    }
    missing = [
        (each["code"], each["origin"], each["message"])
        for each in theirs
        if each["code"] not in LEFT_OUT
        and (each["code"], each["origin"].rpartition("/")[2].split(" ")[-1]) not in known
    ]
    assert missing == [], missing
    assert {each["code"] for each in theirs} >= {"IST0101", "IST0128", "IST0131", "IST0173"}
    codes = {each.code for each in ours.findings if each.location.ref and each.location.ref.namespace == namespace}
    assert codes >= {"MW3101", "MW3104", "MW3107", "MW3405", "MW3503", "MW3505", "MW3506"}


async def test_what_may_not_be_read_is_said(
    istiod: Istiod, cluster: Cluster, namespace: str, kubernetes_server: KubernetesServer
) -> None:
    """Without rights nothing is claimed to be missing; the kinds that were not read are named."""
    for body in broken(namespace):
        await cluster.apply(body, owner="test")
    settings = Kubernetes(kubeconfig=kubernetes_server.kubeconfig("visitor", ["visitors"]))
    async with Cluster.open(settings) as visitor:
        analysis = await analyzed(visitor)
    kinds = {
        "ConfigMap",
        "CustomResourceDefinition",
        "MutatingWebhookConfiguration",
        "Pod",
        "Service",
        "VirtualService",
    }
    assert kinds <= set(analysis.unread)
    assert analysis.findings == []


WRITTEN = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: written, namespace: {namespace}}}
spec:
  hosts: [written]
  http:
  - timeout: 5
    rout: []
    route: [{{destination: {{host: nowhere}}}}]
---
id: first
namespace: {namespace}
intents: [{{intent: timeout, service: web, timeout: 1s}}]
---
id: second
intents: [{{intent: timeout, service: {namespace}/web, timeout: 2s}}]
"""


async def test_a_worker_holds_files_against_the_cluster(
    istiod: Istiod, cluster: Cluster, namespace: str, kubernetes_settings: Kubernetes, tmp_path: Path
) -> None:
    """Files alone by the cluster's definitions; files beside what it has by its services too; nothing is changed."""
    for body in broken(namespace)[:2]:
        await cluster.apply(body, owner="test")
    files = [SourceFile(name="a.yaml", content=WRITTEN.format(namespace=namespace))]
    async with working(kubernetes_settings.kubeconfig, tmp_path) as mesh:
        request = AnalysisRequest(workspace="default", connection=CONNECTION, mesh=mesh.name, files=files)
        both = msgspec.structs.replace(request, live=True)
        answers = []
        for each in (request, both):
            payload = await requesting.request(mesh.api.bus, "istio", "analyze", msgspec.json.encode(each), timeout=60)
            answers.append(msgspec.json.decode(payload, type=Analysis))
    places = [
        {(each.code, each.location.pointer) for each in answer.findings if each.location.file} for answer in answers
    ]
    alone = {
        ("MW3002", "#/spec/http/0/timeout"),
        ("MW3003", "#/spec/http/0/rout"),
        ("MW3005", "#/intents/0"),
    }
    assert places == [alone, alone | {("MW3101", "#/spec/http/0/route/0/destination/host")}]
    assert (
        await cluster.find(ResourceRef(group=NETWORKING, kind="VirtualService", namespace=namespace, name="written"))
        is None
    )
