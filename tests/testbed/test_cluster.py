"""The test bed is a real Kubernetes: it authenticates, authorizes and schedules, and leaves nothing behind."""

import os
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from meshwright.core.kit.kubernetes import Cluster, Forbidden
from meshwright.core.testing.eventually import eventually
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.references import ResourceRef
from testbed import programs
from testbed.cluster import KubernetesServer
from testbed.fixtures import skip_unless_built

pytestmark = pytest.mark.servers


def test_strangers_are_refused(kubernetes_server: KubernetesServer) -> None:
    """Clients without a certificate are refused."""
    trust = ssl.create_default_context(cafile=str(kubernetes_server.authority.pair.certificate))
    with httpx.Client(verify=trust, trust_env=False) as stranger:
        assert stranger.get(f"{kubernetes_server.url}/api/v1/namespaces").status_code == 401


async def test_rights_are_checked(kubernetes_server: KubernetesServer) -> None:
    """A user without a role may do nothing."""
    settings = Kubernetes(kubeconfig=kubernetes_server.kubeconfig("ann", ["visitors"]))
    async with Cluster.open(settings) as visitor:
        with pytest.raises(Forbidden, match="ann"):
            await visitor.get(ResourceRef(kind="Namespace", name="default"))


async def test_a_deployment_becomes_ready(cluster: Cluster, namespace: str) -> None:
    """Its pods are scheduled, get addresses, and count as running."""
    labels = {"app": "web"}
    container = {"name": "web", "image": "example.invalid/web:1"}
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
    await cluster.apply(body, owner="test")
    ref = ResourceRef(group="apps", kind="Deployment", namespace=namespace, name="web")

    async def is_ready() -> bool:
        return bool((await cluster.get(ref)).get("status", {}).get("readyReplicas") == 2)

    await eventually(is_ready, timeout=60)


def test_nothing_is_left() -> None:
    """A control plane takes its processes and its folder along."""
    skip_unless_built(*programs.CLUSTER)
    with KubernetesServer() as server:
        assert all(server.alive(name) for name in ("etcd", "kube-apiserver", "kwok"))
    assert not any(server.alive(name) for name in ("etcd", "kube-apiserver", "kwok", "kube-scheduler"))
    assert not server.folder.exists()


_RUN = """
import sys
from testbed.cluster import KubernetesServer
with KubernetesServer() as server:
    print(server.folder, flush=True)
    sys.stdin.read()
"""


def test_nothing_is_left_by_tests_that_are_killed() -> None:
    """SIGKILL ends the control plane too, and its folder goes a moment later."""
    skip_unless_built(*programs.CLUSTER)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command, pipe = [sys.executable, "-P", "-c", _RUN], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment, text=True) as tests:
        assert tests.stdout
        folder = Path(tests.stdout.readline().strip())
        below = psutil.Process(tests.pid).children(recursive=True)
        assert folder.is_dir()
        assert len(below) > len(programs.CLUSTER)
        tests.kill()
    _, alive = psutil.wait_procs(below, timeout=60)
    assert [each for each in alive if each.status() != psutil.STATUS_ZOMBIE] == []
    assert not folder.exists()
