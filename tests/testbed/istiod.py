"""A real istiod beside a test's control plane: it validates, injects and serves xDS as it would in the cluster.

Problem: no node of the test bed runs processes, so the istiod that the cluster shows cannot be the one that works.
Invariant: Istio's own manifest is installed unchanged, and this process stands for the ports of istiod's pods; when it
goes, all that it installed goes too, the webhooks first: the API server refuses what it cannot ask them about.
"""

import subprocess
import sys
from typing import Any, Self

import httpx
import yaml

from meshwright.core.testing import children
from meshwright.core.testing.servers import HOST, free_port
from testbed import pki, programs
from testbed.cluster import ISTIO, KubernetesServer
from testbed.objects import Object, Objects, in_order, parsed

NAMESPACE = ISTIO
VERSION = programs.ISTIO.partition("-")[0]
MINOR = VERSION.rpartition(".")[0]
_RENDERED_S = 60.0
_ENVIRONMENT = {
    "POD_NAME": "istiod-testbed",
    "POD_NAMESPACE": NAMESPACE,
    "REVISION": "default",
    "CLUSTER_ID": "Kubernetes",
    "PILOT_CERT_PROVIDER": "istiod",
    "VALIDATION_WEBHOOK_CONFIG_NAME": f"istio-validator-{NAMESPACE}",
    "INJECTION_WEBHOOK_CONFIG_NAME": "istio-sidecar-injector",
    # Extensions that only Istio's own build of Envoy has.
    "PILOT_ENABLE_ALPN_FILTER": "false",
    "PILOT_ENABLE_METADATA_EXCHANGE": "false",
    "PILOT_ENABLE_TELEMETRY_LABEL": "false",
}


class Istiod:
    """Istio's control plane for one cluster. Use as `with Istiod(server) as istiod:`.

    `mesh` is merged into the mesh configuration; `environment` into that of the process. Without `install` it serves
    the Istio that somebody else has installed, and leaves it there. One with a `revision` stands beside another one,
    only for the pods that `stand_for_pods` is told of, and is monitored at any port of theirs but 15014.
    """

    def __init__(
        self,
        server: KubernetesServer,
        *,
        mesh: dict[str, Any] | None = None,
        environment: dict[str, str] | None = None,
        install: bool = True,
        revision: str = "",
    ) -> None:
        self._server, self._install, self._revision = server, install, revision
        self._name = f"istiod-{revision}" if revision else "istiod"
        self._addresses: list[str] = []
        self._mesh = {"accessLogFile": "/dev/stdout", "defaultProviders": {"metrics": []}, **(mesh or {})}
        self._environment = {**_ENVIRONMENT, **(_of_revision(revision) if revision else {}), **(environment or {})}
        self.xds, self.secure_xds, self.http, self.webhooks = (free_port() for _ in range(4))
        self.monitoring = server.forwarded_port if revision else server.monitoring_port
        self.url = f"http://{HOST}:{self.http}"
        """debug endpoints, such as /debug/syncz"""
        self._installed: list[Object] = []

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Install and start; returns when the webhooks refuse what is wrong. Raises cluster.Failed."""
        manifest = self._manifest() if self._install else []
        with self._server.client() as client:
            objects = Objects(client)
            # Those of an Istio that another test installed would be merged with these: a service and a URL at once.
            objects.delete(*(each for each in manifest if each["kind"].endswith("WebhookConfiguration")))
            for each in manifest:
                self._installed.append(each)
                objects.apply(each)
            self._server.run(self._name, self._command())
            if not self._revision:
                self.stand_for_pods("any")
            with httpx.Client(base_url=self.url, trust_env=False, timeout=10) as asking:
                self._server.until(self._name, lambda: asking.get("/ready").status_code == 200)
            self._server.until(self._name, lambda: _is_strict(client))

    def stand_for_pods(self, *addresses: str) -> None:
        """Answer what the API server sends to the pods at these addresses."""
        self._addresses += addresses
        for address in addresses:
            for port, own in self._stands_for().items():
                self._server.stand_for(port, own, address)

    def close(self) -> None:
        """Take away the webhooks, end the process, and take away the rest."""
        with self._server.client() as client:
            objects = Objects(client)
            webhooks = [each for each in self._installed if each["kind"].endswith("WebhookConfiguration")]
            objects.delete(*webhooks)
            self._server.end(self._name)
            for address in self._addresses:
                for port in self._stands_for():
                    self._server.stand_down(port, address)
            rest = [each for each in reversed(self._installed) if each not in webhooks]
            objects.delete(*rest)
            objects.await_gone(*(each for each in rest if each["kind"] == "Namespace"))
        self._installed.clear()

    def _stands_for(self) -> dict[int, int]:
        return {15010: self.xds, 15012: self.secure_xds, 15014: self.monitoring, 15017: self.webhooks}

    def log(self) -> str:
        """The end of its output."""
        return self._server.log(self._name)

    def _command(self) -> list[str]:
        folder = self._server.folder / self._name
        folder.mkdir(exist_ok=True)
        names = [HOST, "localhost", f"{self._name}.{NAMESPACE}.svc"]
        own = self._server.authority.issue(self._name, [pki.SERVER], names=names)
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(self._server.kubeconfig())
        kubeconfig.chmod(0o600)
        # It makes files below the folder that it is started in, and has no option for that.
        environment = [f"{key}={value}" for key, value in self._environment.items()]
        return [
            *("env", f"--chdir={folder}", *environment),
            *(str(programs.ISTIOD.path), "discovery", "--kubeconfig", str(kubeconfig)),
            *("--httpAddr", f"{HOST}:{self.http}", "--httpsAddr", f"{HOST}:{self.webhooks}"),
            *("--grpcAddr", f"{HOST}:{self.xds}", "--secureGRPCAddr", f"{HOST}:{self.secure_xds}"),
            *("--monitoringAddr", f"{HOST}:{self.monitoring}", "--ctrlz_address", HOST, "--ctrlz_port", "0"),
            *("--caCertFile", str(self._server.authority.pair.certificate)),
            *("--tlsCertFile", str(own.certificate), "--tlsKeyFile", str(own.key)),
            *("--domain", "cluster.local", "--profile=false", "--shutdownDuration=0s"),
        ]

    def _manifest(self) -> list[Object]:
        """What `istioctl install` would apply."""
        spec = {
            "profile": "minimal",
            "hub": "registry.istio.io/release",
            "tag": VERSION,
            "meshConfig": self._mesh,
            "values": {"defaultRevision": "default"},
        }
        wanted = self._server.folder / "istio.yaml"
        wanted.write_text(
            yaml.safe_dump({"apiVersion": "install.istio.io/v1alpha1", "kind": "IstioOperator", "spec": spec})
        )
        rendered = subprocess.run(
            [str(programs.ISTIOCTL.path), "manifest", "generate", "--filename", str(wanted)],
            capture_output=True,
            check=True,
            text=True,
            timeout=_RENDERED_S,
            preexec_fn=children.die_with_parent(),
        )
        sys.stderr.write(rendered.stderr)
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        return in_order([namespace, *parsed(rendered.stdout)])


def _of_revision(revision: str) -> dict[str, str]:
    return {
        "POD_NAME": f"istiod-{revision}-testbed",
        "REVISION": revision,
        "VALIDATION_WEBHOOK_CONFIG_NAME": f"istio-validator-{revision}-{NAMESPACE}",
        "INJECTION_WEBHOOK_CONFIG_NAME": f"istio-sidecar-injector-{revision}",
    }


def _is_strict(client: httpx.Client) -> bool:
    """Whether istiod has seen that its validation works: it refuses from then on."""
    path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
    answer = client.get(path, params={"labelSelector": "app=istiod"}).raise_for_status().json()["items"]
    return all(each["failurePolicy"] == "Fail" for one in answer for each in one["webhooks"])
