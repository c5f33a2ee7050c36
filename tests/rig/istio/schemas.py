"""The real definitions of Istio's and the Gateway API's kinds, closed as the API server's strict validation does."""

import functools
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

_SHARED = Path(__file__).parents[4] / "shared" / "crds"
_FOLDERS = ("istio", "gateway-api-standard")
MISSING = f"needs the definitions of Istio's kinds in {_SHARED.name} of the folder shared beside the checkout"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@functools.cache
def _schemas() -> dict[tuple[str, str], Any]:
    result = {}
    for folder in _FOLDERS:
        for path in (_SHARED / folder).glob("*.yaml"):
            for each in yaml.load_all(path.read_text(), Loader=_LOADER):
                if not each or each["kind"] != "CustomResourceDefinition":
                    continue
                for version in each["spec"]["versions"]:
                    key = f"{each['spec']['group']}/{version['name']}", each["spec"]["names"]["kind"]
                    result[key] = jsonschema.Draft7Validator(_closed(version["schema"]["openAPIV3Schema"]))
    return result


def check(body: dict[str, Any]) -> None:
    """Fail unless an object is one of its kind's; skip the test where the definitions are not there."""
    if not _SHARED.is_dir():
        pytest.skip(MISSING)
    validator = _schemas()[body["apiVersion"], body["kind"]]
    problems = [f"{list(each.absolute_path)}: {each.message}" for each in validator.iter_errors(body)]
    assert not problems, f"{body['kind']} {body['metadata']['name']}: {problems}"


def _closed(schema: Any, *, top: bool = True) -> Any:
    """A schema that takes no property it does not name."""
    if isinstance(schema, list):
        return [_closed(each, top=False) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: value for key, value in schema.items() if not key.startswith("x-") and key not in ("format", "description")
    }
    result = {
        key: {name: _closed(each, top=False) for name, each in value.items()}
        if key == "properties"
        else _closed(value, top=False)
        if key in ("items", "additionalProperties")
        else value
        for key, value in kept.items()
    }
    preserving = schema.get("x-kubernetes-preserve-unknown-fields")
    if schema.get("type") == "object" and "properties" in schema and not preserving and not top:
        result.setdefault("additionalProperties", False)
    if top:
        result["properties"] = {**result.get("properties", {}), "metadata": {"type": "object"}}
    return result
