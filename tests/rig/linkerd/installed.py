"""Linkerd's real definitions and its rendered installation in a test's cluster."""

from rig.istio.schemas import documents
from rig.kubernetes.rendered import Rendered
from rig.linkerd.schemas import FOLDERS, installed
from testbed.cluster import KubernetesServer

NAMESPACE = "linkerd"


class Installed(Rendered):
    """See `Rendered`."""

    def __init__(self, server: KubernetesServer) -> None:
        super().__init__(server, NAMESPACE, documents(*FOLDERS), installed())
