"""The programs of the test bed, and where they are kept once they are built.

Invariant: a program lies in a folder named after everything that it was built from, so a second checkout of the same
versions builds nothing, and another version never takes its place.
"""

import hashlib
import os
from pathlib import Path

import msgspec

MODULES = Path(__file__).parent / "modules"
CONSUL_VERSION = "1.14.11"
KUBERNETES = "v1.35.4"
ISTIO = "1.31.0-eed52ebb66ad"
"""what istiod says of itself; the version of its module has no tag"""
FLAGS = ("-mod=readonly", "-buildvcs=false", "-trimpath")


class Program(msgspec.Struct, frozen=True):
    """One program: the module that pins it, its package, and what the linker sets."""

    name: str
    module: str
    package: str
    link: str = ""

    @property
    def folder(self) -> Path:
        """The module that requires the program, with everything pinned in go.sum."""
        return MODULES / self.module

    @property
    def path(self) -> Path:
        """Where it is kept."""
        digest = hashlib.sha256()
        for part in (self.folder / "go.mod", self.folder / "go.sum", *sorted(self.folder.glob("*.go"))):
            digest.update(part.read_bytes())
        digest.update("\0".join((self.package, self.link, *FLAGS)).encode())
        return cache() / f"{self.name}-{digest.hexdigest()[:16]}" / self.name


def _kubernetes(name: str) -> Program:
    minor = KUBERNETES.split(".")[1]
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    values = {"gitVersion": KUBERNETES, "gitMajor": "1", "gitMinor": minor, "gitTreeState": "clean"}
    link = " ".join(f"-X {package}.{key}={value}" for package in packages for key, value in values.items())
    return Program(name, "kubernetes", f"k8s.io/kubernetes/cmd/{name}", link)


def _istio(name: str, package: str) -> Program:
    revision = ISTIO.partition("-")[2]
    values = {"buildVersion": ISTIO, "buildGitRevision": revision, "buildStatus": "Clean", "buildTag": ISTIO}
    link = " ".join(f"-X istio.io/istio/pkg/version.{key}={value}" for key, value in values.items())
    return Program(name, "istio", package, link)


ETCD = Program("etcd", "etcd", "go.etcd.io/etcd/server/v3")
API_SERVER = _kubernetes("kube-apiserver")
CONTROLLER_MANAGER = _kubernetes("kube-controller-manager")
SCHEDULER = _kubernetes("kube-scheduler")
KWOK = Program("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok", "-X sigs.k8s.io/kwok/pkg/consts.Version=v0.8.0")
ISTIOD = _istio("pilot-discovery", "istio.io/istio/pilot/cmd/pilot-discovery")
ISTIOCTL = _istio("istioctl", "istio.io/istio/istioctl/cmd/istioctl")
HELM = Program("helm", "helm", "helm.sh/helm/v4/cmd/helm")
CONSUL = Program("consul", "consul", ".")
CLUSTER = (ETCD, API_SERVER, CONTROLLER_MANAGER, SCHEDULER, KWOK)
ALL = (*CLUSTER, ISTIOD, ISTIOCTL, HELM, CONSUL)


def cache() -> Path:
    """The user's folder for what is built once per machine."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "meshwright" / "testbed"


def missing(*programs: Program) -> list[str]:
    """The names of those that are not built."""
    return [each.name for each in programs if not each.path.exists()]
