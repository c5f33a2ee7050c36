"""The real definitions of Consul's kinds, and its rendered installation in a cluster."""

import base64
import copy
import datetime
import functools
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshwright.core.kit import structural
from meshwright.core.kit.kubernetes.installing import authorities
from rig.istio.schemas import documents
from rig.kubernetes.rendered import Rendered
from testbed.cluster import KubernetesServer

INSTALL = Path(__file__).parents[4] / "shared" / "installs" / "consul.yaml"
FOLDER = "consul"
NAMESPACE = "consul"
_NEVER = [{"name": "no-injector-works-here", "expression": "false"}]


@functools.cache
def definitions() -> structural.Definitions:
    """What Consul defines; skips the test where that is not there."""
    return structural.Definitions(structural.definition(each) for each in documents(FOLDER))


def check(body: dict[str, Any]) -> None:
    """Fail unless an object is one of its kind's, with no field that it does not have."""
    group = body["apiVersion"].rpartition("/")[0]
    definition = definitions().get(group, body["kind"])
    assert definition, f"no definition of {body['kind']} in {group}"
    problems = structural.check(body, definition)
    assert not problems, f"{body['kind']} {body['metadata']['name']}: {problems}"


@functools.cache
def _rendered() -> list[dict[str, Any]]:
    if not INSTALL.is_file():
        pytest.skip("needs Consul's rendered installation in the folder shared beside the checkout")
    documents = [each for each in yaml.safe_load_all(INSTALL.read_text()) if each]
    return [each for each in documents if "helm.sh/hook" not in (each["metadata"].get("annotations") or {})]


@functools.cache
def authority() -> str:
    """A certificate authority as the webhooks' certificate manager writes it."""
    now = datetime.datetime.now(datetime.UTC)
    made = authorities.created(authorities.Names(anchor="ca", issuer="issuer", servers={}), now)
    return base64.b64encode(made.anchors[0].certificate.encode()).decode()


def installed() -> list[dict[str, Any]]:
    """The real objects of an installation, its hooks left out, as its own parts have completed them.

    What could not be here is otherwise: webhooks ask nobody, since no injector works, and the servers have no volumes,
    since nobody brings any.
    """
    result = copy.deepcopy(_rendered())
    for each in result:
        for webhook in each.get("webhooks") or []:
            webhook["clientConfig"]["caBundle"] = authority()
            webhook["matchConditions"] = _NEVER
        if each["kind"] == "StatefulSet":
            claims = {claim["metadata"]["name"] for claim in each["spec"].pop("volumeClaimTemplates")}
            pod = each["spec"]["template"]["spec"]
            pod["volumes"] += [{"name": name, "emptyDir": {}} for name in sorted(claims)]
        if each["kind"] == "PodDisruptionBudget":  # rendered without asking a cluster what it serves
            each["apiVersion"] = "policy/v1"
        if each["kind"] in ("ClusterRole", "ClusterRoleBinding"):
            each["metadata"].pop("namespace", None)
    return result


def running() -> list[dict[str, Any]]:
    """The same objects as a cluster has them when all is well."""
    result = installed()
    for each in result:
        if each["kind"] == "Deployment":
            each["status"] = {"updatedReplicas": 1, "availableReplicas": 1}
        if each["kind"] == "StatefulSet":
            each["status"] = {"updatedReplicas": 1, "readyReplicas": 1}
    return result


class Installed(Rendered):
    """See `Rendered`."""

    def __init__(self, server: KubernetesServer) -> None:
        super().__init__(server, NAMESPACE, documents(FOLDER), installed())
