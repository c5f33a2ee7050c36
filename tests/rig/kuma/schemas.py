"""The real definitions of Kuma's kinds, of 3.0 and where they are there of 2.14, and its rendered installation."""

import copy
import functools
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshwright.core.kit import structural
from rig.istio.schemas import SHARED, documents

INSTALL = Path(__file__).parents[4] / "shared" / "installs" / "kuma.yaml"
FOLDERS = {"3.0": "kuma", "2.14": "kuma-2.14", "2.12": "kuma-2.12"}
"""where the definitions of a series are, in the folder shared beside the checkout"""
_HOOK = "helm.sh/hook"
_NOBODY = {"key": "meshwright.test/asks-kuma", "operator": "Exists"}


def definitions(version: str = "3.0") -> list[dict[str, Any]]:
    """The definitions of a series; skips the test where they are not there."""
    folder = FOLDERS[version]
    if not (SHARED / folder).is_dir():
        pytest.skip(f"needs Kuma's definitions of {version} in {folder} of the folder shared beside the checkout")
    return documents(folder)


@functools.cache
def _structural(version: str) -> structural.Definitions:
    return structural.Definitions(structural.definition(each) for each in definitions(version))


def check(body: dict[str, Any], version: str = "3.0") -> None:
    """Fail unless an object is one of its kind's, with no field that it does not have; Kubernetes' own pass."""
    if body["apiVersion"] in ("v1", "apps/v1"):
        return
    definition = _structural(version).get(body["apiVersion"].rpartition("/")[0], body["kind"])
    assert definition, f"no definition of {body['kind']}"
    problems = structural.check(body, definition)
    assert not problems, f"{body['kind']} {body['metadata']['name']}: {problems}"


@functools.cache
def _rendered() -> list[dict[str, Any]]:
    if not INSTALL.is_file():
        pytest.skip("needs Kuma's rendered installation in the folder shared beside the checkout")
    found = [each for each in yaml.safe_load_all(INSTALL.read_text()) if each]
    return [each for each in found if _HOOK not in (each["metadata"].get("annotations") or {})]


def installed() -> list[dict[str, Any]]:
    """The real objects of an installation, as its chart renders them, without what only its hooks bring."""
    return copy.deepcopy(_rendered())


def running() -> list[dict[str, Any]]:
    """The same objects as a cluster has them when all is well, with the mesh that the control plane makes."""
    result = installed()
    for each in result:
        if each["kind"] == "Deployment":
            each["status"] = {"availableReplicas": each["spec"].get("replicas", 1)}
    return [*result, mesh()]


def unanswered() -> list[dict[str, Any]]:
    """The same objects for a cluster in which no control plane runs: its webhooks are called for no object."""
    result = installed()
    for hook in (one for each in result for one in each.get("webhooks") or []):
        hook["objectSelector"] = {"matchExpressions": [_NOBODY]}
    return [*result, mesh()]


def mesh(name: str = "default", **spec: Any) -> dict[str, Any]:
    """A mesh of Kuma's."""
    return {"apiVersion": "kuma.io/v1alpha1", "kind": "Mesh", "metadata": {"name": name}, "spec": spec}
