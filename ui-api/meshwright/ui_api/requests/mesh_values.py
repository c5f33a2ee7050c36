"""The mesh's own values for an installation or upgrade, checked before the operation is accepted.

Invariant: the values match the JSON Schema that the adapter announces; without a schema there are none.
"""

from typing import Any

from meshwright.core.security import json_schemas
from meshwright.schemas.errors import FieldError
from meshwright.ui_api.api import Api
from meshwright.ui_api.http.problems import Refusal


def check(api: Api, adapter: str, values: dict[str, Any], pointer: str = "#/values") -> None:
    """Raises Refusal `invalid-document` with a pointer for each invalid place, `adapter-failed`."""
    schema = api.live_adapters.values_schema(adapter)
    try:
        if schema is not None:
            errors = json_schemas.problems(values, schema, pointer)
        else:
            detail = f"the adapter {adapter} accepts no values"
            errors = [FieldError(detail=detail, pointer=pointer)] if values else []
    except json_schemas.InvalidSchema as error:
        raise Refusal("adapter-failed", f"values of {adapter}: {error}") from error
    if errors:
        raise Refusal("invalid-document", "the values are refused", errors=errors)
