"""The values with which a mesh is installed or upgraded: what is the mesh's own, checked before anything is asked for.

Invariant: what reaches a worker fits the JSON Schema that its adapter announces; without one there are no values.
"""

from typing import Any

from meshwright.core.security import json_schemas
from meshwright.schemas.errors import FieldError
from meshwright.ui_api.api import Api
from meshwright.ui_api.http.problems import Refusal


def check(api: Api, adapter: str, values: dict[str, Any], pointer: str = "#/values") -> None:
    """Raises Refusal `invalid-document` with a pointer for each bad place, `adapter-failed`."""
    schema = api.live_adapters.values_schema(adapter)
    try:
        if schema is not None:
            errors = json_schemas.problems(values, schema, pointer)
        else:
            detail = f"the adapter {adapter} takes no values"
            errors = [FieldError(detail=detail, pointer=pointer)] if values else []
    except json_schemas.InvalidSchema as error:
        raise Refusal("adapter-failed", f"values of {adapter}: {error}") from error
    if errors:
        raise Refusal("invalid-document", "the values are refused", errors=errors)
