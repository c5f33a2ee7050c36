"""The real definitions of Linkerd's and the Gateway API's kinds, and Linkerd's rendered installation."""

import copy
import functools
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshwright.core.kit import structural
from rig.istio.schemas import documents

INSTALL = Path(__file__).parents[4] / "shared" / "installs" / "linkerd-control-plane.yaml"
FOLDERS = ("linkerd", "gateway-api-experimental")
_BUILT_IN = ("v1", "apps/v1")


@functools.cache
def definitions() -> structural.Definitions:
    """What Linkerd and the Gateway API define; skips the test where that is not there."""
    return structural.Definitions(structural.definition(each) for each in documents(*FOLDERS))


def check(body: dict[str, Any]) -> None:
    """Fail unless an object is one of its kind's, with no field that it does not have; Kubernetes' own pass."""
    if body["apiVersion"] in _BUILT_IN:
        return
    group = body["apiVersion"].rpartition("/")[0]
    definition = definitions().get(group, body["kind"])
    assert definition, f"no definition of {body['kind']} in {group}"
    problems = structural.check(body, definition)
    assert not problems, f"{body['kind']} {body['metadata']['name']}: {problems}"


@functools.cache
def _rendered() -> list[dict[str, Any]]:
    if not INSTALL.is_file():
        pytest.skip("needs Linkerd's rendered installation in the folder shared beside the checkout")
    return [each for each in yaml.safe_load_all(INSTALL.read_text()) if each]


def installed() -> list[dict[str, Any]]:
    """The real objects of an installation, as its chart renders them."""
    return copy.deepcopy(_rendered())


def running() -> list[dict[str, Any]]:
    """The same objects as a cluster has them when all is well."""
    result = installed()
    for each in result:
        if each["kind"] == "Deployment":
            each["status"] = {"availableReplicas": each["spec"].get("replicas", 1)}
    return result
