"""A Kubernetes control plane for one test process: etcd, API server, controllers, scheduler, and kwok for the nodes.

Problem: what a client may rely upon (admission, server-side apply, watches, RBAC) only the real API server shows.
Invariant: everything listens on loopback, dies with the test process, and leaves no folder; `start` returns when two
nodes are ready.
"""

import base64
import ssl
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import httpx
import yaml

from meshwright.core.machine import processes
from meshwright.core.testing import children
from meshwright.core.testing.servers import HOST, free_port
from testbed import pki, programs
from testbed.folders import TemporaryFolder

READY_S = 120.0
_STOP_S = 10.0
_EGRESS = Path(__file__).with_name("egress.py")
_STAGES = Path(__file__).parent / "stages.yaml"
_NODES = {"kwok-node-0": "a", "kwok-node-1": "b"}
"""the nodes, and the zones in which they are"""
ISTIO = "istio-system"
PODS = "10.244.0.0/16"
"""the addresses of pods; nothing is there, outside of a network namespace that a test makes"""


class Failed(RuntimeError):
    """A program of the test bed did not get ready; the message holds the end of its log."""


class KubernetesServer:
    """A control plane. Use as `with KubernetesServer() as cluster:`."""

    def __init__(self) -> None:
        self._temporary = TemporaryFolder("meshwright-kubernetes-")
        self.folder = self._temporary.path
        self.port = free_port()
        self.url = f"https://{HOST}:{self.port}"
        self.forwarded_port = free_port()
        """where on this host everything leads that is forwarded to a port of a pod, but for the following"""
        self.monitoring_port = free_port()
        """where a forwarded request leads to the port at which an istiod is monitored"""
        self._ports = self.folder / "ports"
        self._ports.mkdir()
        self._running: dict[str, children.Process] = {}
        self.authority = pki.Authority(self.folder, "ca")
        self._admin = self.authority.issue("admin", [pki.CLIENT], groups=["system:masters"])

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
        """Start everything and wait for the nodes. Raises Failed."""
        self._start_api_server(self._start_etcd())
        self._await("kube-apiserver", "/readyz")
        self._start_controllers()
        for name, zone in _NODES.items():
            self.create("/api/v1/nodes", _node(name, zone))
        self._await_nodes()

    def close(self) -> None:
        """End every process, the API server before etcd, and remove the folder."""
        for name in reversed(list(self._running)):
            self.end(name)
        self._temporary.close()

    def run(self, name: str, command: Sequence[str]) -> None:
        """Start a process that ends with this cluster; its output is in the folder."""
        self._running[name] = children.start(command, self.folder / f"{name}.log")

    def end(self, name: str) -> None:
        """End one of the processes, by force after ten seconds; harmless when it does not run."""
        process = self._running.pop(name, None)
        if process is None:
            return
        process.terminate()
        deadline = time.monotonic() + _STOP_S
        while process.poll() is None:
            if time.monotonic() > deadline:
                process.kill()
            time.sleep(0.01)

    def kubeconfig(self, user: str = "", groups: Sequence[str] = ()) -> str:
        """A kubeconfig with a certificate of that user in it; without one, of an administrator."""
        pair = self.authority.issue(user, [pki.CLIENT], groups=groups, file=f"user-{user}") if user else self._admin
        return self._kubeconfig(user or "admin", pair)

    def client(self) -> httpx.Client:
        """An HTTP client of an administrator."""
        return httpx.Client(
            base_url=self.url,
            verify=_context(self.authority.pair.certificate, self._admin),
            trust_env=False,
            timeout=30,
        )

    def create(self, path: str, body: dict[str, Any]) -> None:
        """Create an object; one that is there already stays."""
        with self.client() as client:
            answer = client.post(path, json=body)
        if answer.status_code not in (200, 201, 409):
            raise Failed(f"POST {path}: {answer.status_code} {answer.text[:500]}")

    def stand_for(self, port: int, target: int | Path, address: str = "any") -> None:
        """Send what the API server sends to this port of a pod, or of all pods, to a port here or to a Unix socket."""
        processes.replace(self._ports / f"{address}:{port}", str(target).encode())

    def stand_down(self, port: int, address: str = "any") -> None:
        """Nothing listens there any more."""
        (self._ports / f"{address}:{port}").unlink(missing_ok=True)

    def log(self, name: str) -> str:
        """The end of a process's output."""
        return processes.tail(self.folder / f"{name}.log", 30)

    def alive(self, name: str) -> bool:
        """Whether a process runs."""
        return name in self._running and self._running[name].poll() is None

    def _start_etcd(self) -> list[str]:
        own = pki.Authority(self.folder, "etcd-ca")
        server = own.issue("etcd", [pki.SERVER, pki.CLIENT], names=[HOST, "localhost"], file="etcd-server")
        client = own.issue("kube-apiserver", [pki.CLIENT], file="etcd-client")
        url, peers = (f"https://{HOST}:{free_port()}" for _ in range(2))
        trust = str(own.pair.certificate)
        files = ("--cert-file", str(server.certificate), "--key-file", str(server.key))
        peer_files = ("--peer-cert-file", str(server.certificate), "--peer-key-file", str(server.key))
        self.run(
            "etcd",
            [
                *(str(programs.ETCD.path), "--name", "testbed", "--data-dir", str(self.folder / "etcd")),
                *("--logger=zap", "--log-level=warn", "--unsafe-no-fsync"),
                *("--listen-client-urls", url, "--advertise-client-urls", url),
                *("--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers),
                *("--initial-cluster", f"testbed={peers}"),
                *("--client-cert-auth", "--trusted-ca-file", trust, *files),
                *("--peer-client-cert-auth", "--peer-trusted-ca-file", trust, *peer_files),
            ],
        )
        return [
            f"--etcd-servers={url}",
            f"--etcd-cafile={trust}",
            f"--etcd-certfile={client.certificate}",
            f"--etcd-keyfile={client.key}",
        ]

    def _start_api_server(self, etcd: list[str]) -> None:
        names = [HOST, "10.96.0.1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"]
        serving = self.authority.issue("kube-apiserver", [pki.SERVER], names=names)
        self._accounts = pki.signing_key(self.folder, "service-accounts")
        proxies = pki.Authority(self.folder, "front-proxy-ca")
        proxy = proxies.issue("front-proxy-client", [pki.CLIENT])
        self.run(
            "kube-apiserver",
            [
                *(str(programs.API_SERVER.path), *etcd, f"--bind-address={HOST}", f"--advertise-address={HOST}"),
                f"--secure-port={self.port}",
                *(f"--egress-selector-config-file={self._start_egress()}", "--enable-aggregator-routing=true"),
                "--endpoint-reconciler-type=none",  # otherwise a loopback address cannot be advertised
                *(f"--tls-cert-file={serving.certificate}", f"--tls-private-key-file={serving.key}"),
                *(f"--client-ca-file={self.authority.pair.certificate}", "--anonymous-auth=false"),
                *("--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction"),
                *("--allow-privileged=true", "--profiling=false", "--service-cluster-ip-range=10.96.0.0/16"),
                "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
                f"--service-account-key-file={self._accounts.certificate}",
                f"--service-account-signing-key-file={self._accounts.key}",
                f"--requestheader-client-ca-file={proxies.pair.certificate}",
                "--requestheader-allowed-names=front-proxy-client",
                "--requestheader-username-headers=X-Remote-User",
                "--requestheader-group-headers=X-Remote-Group",
                "--requestheader-extra-headers-prefix=X-Remote-Extra-",
                *(f"--proxy-client-cert-file={proxy.certificate}", f"--proxy-client-key-file={proxy.key}"),
            ],
        )

    def _start_egress(self) -> Path:
        """The proxy for the API server's requests to pods; returns the file that configures the API server for it."""
        path, told = self.folder / "egress", self.folder / "egress.yaml"
        self.run("egress", [sys.executable, "-P", "-I", "-S", str(_EGRESS), str(path), str(self._ports)])
        connection = {"proxyProtocol": "HTTPConnect", "transport": {"uds": {"udsName": str(path)}}}
        document = {
            "apiVersion": "apiserver.k8s.io/v1beta1",
            "kind": "EgressSelectorConfiguration",
            "egressSelections": [{"name": "cluster", "connection": connection}],
        }
        told.write_text(yaml.safe_dump(document))
        return told

    def _start_controllers(self) -> None:
        manager = self._own_kubeconfig("system:kube-controller-manager")
        authority = self.authority.pair
        common = [f"--bind-address={HOST}", "--leader-elect=false", "--profiling=false"]
        self.run(
            "kube-controller-manager",
            [
                *(str(programs.CONTROLLER_MANAGER.path), *common, f"--secure-port={free_port()}"),
                *(f"--kubeconfig={manager}", f"--authentication-kubeconfig={manager}"),
                *(f"--authorization-kubeconfig={manager}", "--use-service-account-credentials=true"),
                *(f"--client-ca-file={authority.certificate}", f"--root-ca-file={authority.certificate}"),
                f"--service-account-private-key-file={self._accounts.key}",
                *(
                    f"--cluster-signing-cert-file={authority.certificate}",
                    f"--cluster-signing-key-file={authority.key}",
                ),
                f"--cert-dir={self.folder / 'controller-manager'}",
                "--node-monitor-grace-period=300s",  # a busy machine renews leases late; pods stay unready for good
            ],
        )
        scheduler = self._own_kubeconfig("system:kube-scheduler")
        self.run(
            "kube-scheduler",
            [
                *(str(programs.SCHEDULER.path), *common, f"--secure-port={free_port()}"),
                *(f"--kubeconfig={scheduler}", f"--authentication-kubeconfig={scheduler}"),
                *(f"--authorization-kubeconfig={scheduler}", f"--cert-dir={self.folder / 'scheduler'}"),
            ],
        )
        kwok, port = self._own_kubeconfig("kwok", ["system:masters"]), free_port()
        forwards = self.folder / "forwards.yaml"
        rules = [_forwards("istiod", self.monitoring_port, ISTIO, 15014), _forwards("every-pod", self.forwarded_port)]
        forwards.write_text(yaml.safe_dump_all(rules))
        (self._ports / f"{HOST}:{port}").write_text(str(port))  # the kubelet of the nodes, which forwards ports
        self.run(
            "kwok",
            [
                *(str(programs.KWOK.path), f"--kubeconfig={kwok}", f"--config={_STAGES}", f"--config={forwards}"),
                "--manage-all-nodes=true",
                "--node-lease-duration-seconds=40",  # without leases nodes count as lost after a while
                *(f"--cidr={PODS}", f"--node-ip={HOST}", f"--node-port={port}", f"--server-address={HOST}:{port}"),
            ],
        )

    def _own_kubeconfig(self, user: str, groups: Sequence[str] = ()) -> Path:
        pair = self.authority.issue(user, [pki.CLIENT], groups=groups)
        path = self.folder / f"{pair.certificate.stem}.kubeconfig"
        path.write_text(self._kubeconfig(user, pair))
        path.chmod(0o600)
        return path

    def _kubeconfig(self, user: str, pair: pki.Pair) -> str:
        def encoded(path: Path) -> str:
            return base64.b64encode(path.read_bytes()).decode()

        cluster = {"server": self.url, "certificate-authority-data": encoded(self.authority.pair.certificate)}
        credentials = {
            "client-certificate-data": encoded(pair.certificate),
            "client-key-data": encoded(pair.key),
        }
        return yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "testbed", "cluster": cluster}],
                "users": [{"name": user, "user": credentials}],
                "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": user}}],
                "current-context": "testbed",
            }
        )

    def _await(self, name: str, path: str) -> None:
        with self.client() as client:
            self.until(name, lambda: client.get(path).status_code == 200)

    def _await_nodes(self) -> None:
        def are_ready(client: httpx.Client) -> bool:
            nodes = client.get("/api/v1/nodes").json()["items"]
            conditions = [one for node in nodes for one in node["status"].get("conditions", [])]
            ready = [one for one in conditions if one["type"] == "Ready" and one["status"] == "True"]
            return len(ready) == len(_NODES)

        with self.client() as client:
            self.until("kwok", lambda: are_ready(client))

    def until(self, name: str, is_ready: Callable[[], bool]) -> None:
        """Wait until a process is ready; one that cannot be reached is not yet. Raises Failed."""
        deadline = time.monotonic() + READY_S
        while True:
            try:
                if is_ready():
                    return
            except httpx.TransportError:
                pass
            if ended := [each for each in self._running if not self.alive(each)]:
                raise Failed(f"{ended[0]} ended:\n{self.log(ended[0])}")
            if time.monotonic() > deadline:
                raise Failed(f"{name} did not get ready within {READY_S:g} s:\n{self.log(name)}")
            time.sleep(0.05)


def _context(authority: Path, pair: pki.Pair) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority))
    context.load_cert_chain(str(pair.certificate), str(pair.key))
    return context


def _forwards(name: str, port: int, namespace: str = "", *only: int) -> dict[str, Any]:
    """What makes kwok forward ports of pods, all or these of a namespace; the first rule that fits counts."""
    forward = {"target": {"address": HOST, "port": port}, **({"ports": list(only)} if only else {})}
    selector = {"selector": {"matchNamespaces": [namespace]}} if namespace else {}
    spec = {**selector, "forwards": [forward]}
    meta = {"name": name}
    return {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "ClusterPortForward", "metadata": meta, "spec": spec}


def _node(name: str, zone: str) -> dict[str, Any]:
    place = {"topology.kubernetes.io/region": "local", "topology.kubernetes.io/zone": zone}
    room = {"cpu": "32", "memory": "256Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                **place,
            },
        },
        "status": {"allocatable": room, "capacity": room},
    }
