"""The real definitions of Istio's and the Gateway API's kinds, for bodies that tests have made."""

import functools
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshwright.core.kit import structural

SHARED = Path(__file__).parents[4] / "shared" / "crds"
MISSING = f"needs the definitions of the mesh's kinds in {SHARED.name} of the folder shared beside the checkout"
_FOLDERS = ("istio", "gateway-api-standard")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@functools.cache
def documents(*folders: str) -> list[dict[str, Any]]:
    """The CustomResourceDefinitions in these folders; skips the test where they are not there."""
    if not SHARED.is_dir():
        pytest.skip(MISSING)
    paths = [path for folder in folders for path in sorted((SHARED / folder).glob("*.yaml"))]
    parsed = [each for path in paths for each in yaml.load_all(path.read_text(), Loader=_LOADER)]
    return [each for each in parsed if each and each["kind"] == "CustomResourceDefinition"]


@functools.cache
def definitions() -> structural.Definitions:
    """What Istio and the Gateway API define; skips the test where that is not there."""
    return structural.Definitions(structural.definition(each) for each in documents(*_FOLDERS))


@functools.cache
def specification(api: str, kind: str) -> dict[str, Any]:
    """The schema of a kind's specification; skips the test where the definitions are not there."""
    group, _, version = api.rpartition("/")
    specs = [each["spec"] for each in documents(*_FOLDERS)]
    (spec,) = [each for each in specs if (each["group"], each["names"]["kind"]) == (group, kind)]
    (served,) = [each for each in spec["versions"] if each["name"] == version]
    result: dict[str, Any] = served["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return result


def check(body: dict[str, Any]) -> None:
    """Fail unless an object is one of its kind's, with no field that it does not have."""
    group = body["apiVersion"].rpartition("/")[0]
    definition = definitions().get(group, body["kind"])
    assert definition, f"no definition of {body['kind']} in {group}"
    problems = structural.check(body, definition)
    assert not problems, f"{body['kind']} {body['metadata']['name']}: {problems}"
