"""The OpenAPI 3.1 document, generated from the declared routes and the contract's Structs.

Invariant: a route is documented exactly as it is enforced: its parameters, body, response, role and refusals come from
the declaration that the server itself uses.
"""

import inspect
from collections.abc import Container, Mapping
from typing import Any

import msgspec

from meshwright.schemas.base import NAME_PATTERN, Model
from meshwright.schemas.documents import inputs, jsonschema, openapi
from meshwright.schemas.documents.examples import Examples
from meshwright.schemas.errors import PROBLEM_TYPES
from meshwright.schemas.operations import OPERATION_TYPES
from meshwright.ui_api.access import sessions
from meshwright.ui_api.http import bodies, problems, queries
from meshwright.ui_api.http.routing import REASON, WORKSPACE, Header, NoBody, Route
from meshwright.ui_api.reading import freshness
from meshwright.ui_api.reading.views import Listing
from meshwright.ui_api.requests import accepting

_REF = "#/components/schemas/{name}"
_DESCRIPTION = (
    "Event-driven management plane for service meshes. Reads show views; whatever changes a mesh is an operation: "
    "it is accepted with 202, runs on an adapter's worker, and publishes every step as an event on /v1/events. "
    "Bodies have at most 1 MiB and 64 levels, keys without NUL and each once, whole numbers of 64 bits (2.0 is one), "
    "finite numbers, and times without leap seconds between the years 1 and 9999 in UTC; query parameters stand once, "
    "lists may repeat theirs or part values by commas. What no schema can say is under `x-rules` of an operation."
)
_HEADERS = {
    "ETag": "The version of the resource; send it as If-Match to change it.",
    "Meshwright-Seq": "The sequence of the write; `min_seq` of a later read waits for it.",
    "Meshwright-Version": "The number of this version, counted per resource from 1.",
    freshness.HEADER: "Seconds: everything that was stored before that is in the answer. `unknown` at the very start.",
    "Location": "Where the operation can be read.",
    "Retry-After": "Seconds until a retry is useful.",
}
_WORKSPACE = Header(
    name=WORKSPACE, description="The workspace; without it the token's own, or `default`.", pattern=NAME_PATTERN
)
_REASON = Header(name=REASON, description="Why, for the history; at most 2000 characters are kept.")
_IF_MATCH = Header(name="If-Match", description="The ETag of the version that is replaced.")
_CREATE_ONLY = Header(name="If-None-Match", description="`*`: only create.")
_UNLESS_CURRENT = Header(
    name="If-None-Match", description="The ETag of a cached version: 304 if it is still the current one."
)


def document(routes: tuple[Route, ...], version: str) -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    schemas = _schemas(routes)
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Meshwright",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"session": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in routes)],
        "paths": paths,
        "webhooks": {"event": {"post": _outgoing()}},
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": sessions.COOKIE,
                    "description": "Set by signIn; with `-PORT` after the name where the server's address has a port. "
                    f"A write carries the session's `csrf` as {sessions.CSRF}.",
                },
            },
            "schemas": schemas,
        },
    }


def _outgoing() -> dict[str, Any]:
    """The request that a webhook's endpoint gets."""
    signed = {
        "webhook-id": "The same for every attempt and replay of one event.",
        "webhook-timestamp": "Seconds since 1970.",
        "webhook-signature": "One or more of `v1,` and the base64 of HMAC-SHA256, by Standard Webhooks.",
    }
    return {
        "operationId": "receiveEvent",
        "summary": "An event, as a CloudEvent in structured mode",
        "description": "Delivered at least once, in any order. The secret was shown when the webhook was created.",
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "required": True, "schema": {"type": "string"}, "description": text}
            for name, text in signed.items()
        ],
        "requestBody": {"required": True, "content": {"application/cloudevents+json": {"schema": {"type": "object"}}}},
        "responses": {
            "2XX": {"description": "Taken."},
            "410": {"description": "Gone: the webhook is disabled."},
            "429": {"description": "Retried after Retry-After, as with 503."},
            "default": {"description": "It is retried later; redirects are not followed."},
        },
    }


def _schemas(routes: tuple[Route, ...]) -> dict[str, Any]:
    read: dict[str, type[msgspec.Struct]] = {kind.__name__: kind for kind in openapi.RESOURCE_TYPES}
    written: dict[str, type[Model]] = {kind.__name__: kind for kind in OPERATION_TYPES}
    for route in routes:
        if route.body is not NoBody:
            assert written.setdefault(route.body.__name__, route.body) is route.body, f"two named {route.body}"
        answer = route.answer.of if isinstance(route.answer, Listing) else route.answer
        for kind in (answer, route.streams):
            assert kind is None or read.setdefault(kind.__name__, kind) is kind, f"two types named {kind.__name__}"
    schemas = openapi.components(tuple(read.values()))
    rules = {**inputs.RULES, **{route.body: route.rules for route in routes if route.rules}}
    schemas |= inputs.components(written.values(), schemas, rules)
    for route in routes:
        if route.body_from_path:
            whole = schemas[_input(route.body, schemas)]
            schemas[_own(route)] = whole | {"required": [name for name in whole["required"] if name != "id"]}
    return schemas


def _input(kind: type[Model], components: Container[str]) -> str:
    """The name of the schema of a body of that type."""
    name = f"{kind.__name__}{inputs.SUFFIX}"
    return name if name in components else kind.__name__


def _own(route: Route) -> str:
    """The name of the schema of a body that may omit its id."""
    return route.operation_id[0].upper() + route.operation_id[1:]


def _operation(route: Route, components: Mapping[str, Any]) -> dict[str, Any]:
    summary, _, description = (inspect.getdoc(route.handler) or "").partition("\n\n")
    operation: dict[str, Any] = {
        "operationId": route.operation_id,
        "tags": [route.tag],
        "summary": " ".join(summary.split()),
        "parameters": [*_path(route), *_query(route), *_headers(route)],
        "responses": _responses(route),
    }
    if description:
        operation["description"] = " ".join(description.split())
    if route.role is None:
        operation["security"] = []
    else:
        operation["x-role"] = route.role
        if route.everywhere:
            operation["x-everywhere"] = True
    rules = (*(["`id` is the one in the path."] if route.body_from_path else []), *route.further_rules)
    if rules:
        operation["x-rules"] = list(rules)
    if route.body is not NoBody:
        media_types = (*bodies.JSON_TYPES, *(bodies.YAML_TYPES[:1] if route.yaml else ()))
        required = any(field.required for field in msgspec.structs.fields(route.body))
        name = _own(route) if route.body_from_path else _input(route.body, components)
        schema = {"$ref": _REF.format(name=name)}
        example = Examples(components).of(schema, optional=True)
        operation["requestBody"] = {
            "required": required,
            "content": {media_type: {"schema": schema, "example": example} for media_type in media_types},
        }
    return operation


def _path(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": pattern}}
        for name, pattern in route.patterns().items()
    ]


def _query(route: Route) -> list[dict[str, Any]]:
    if route.query is queries.NoQuery:
        return []
    schema = inputs.bounded(jsonschema.schema(route.query))
    definitions = schema.get("$defs", {})
    parameters = []
    for name, field in schema["properties"].items():
        shown = definitions[field["$ref"].rpartition("/")[2]] if "$ref" in field else field
        described = {"description": shown["description"]} if "description" in shown else {}
        parameters.append({"name": name, "in": "query", "schema": _in_a_url(shown)} | described)
    return parameters


def _in_a_url(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter: a URL has no null, and commas separate the values of a list."""
    if "anyOf" in schema:
        [schema] = [{**schema, **one} for one in schema["anyOf"] if one.get("type") != "null"]
    plain = {key: value for key, value in schema.items() if key != "anyOf" and (key, value) != ("default", None)}
    if plain.get("type") == "array":
        plain["items"] = {"pattern": "^[^,]*$"} | plain["items"]
    return plain


def _headers(route: Route) -> list[dict[str, Any]]:
    if route.role is None:
        return []
    parameters = [_WORKSPACE]
    if route.method != "GET":
        parameters.append(_REASON)
    if route.idempotent:
        parameters.append(accepting.IDEMPOTENCY_KEY)
    if "if-match-required" in route.problems:
        parameters += [_IF_MATCH, _CREATE_ONLY]
    elif "ETag" in route.headers and route.method == "GET":
        parameters.append(_UNLESS_CURRENT)
    return [
        {
            "name": header.name,
            "in": "header",
            "schema": {"type": "string"} | ({"pattern": header.pattern} if header.pattern else {}),
            "description": header.description,
        }
        for header in (*parameters, *route.takes)
    ]


def _responses(route: Route) -> dict[str, Any]:
    responses: dict[str, Any] = {str(route.status): _success(route)}
    if route.idempotent:
        responses["200"] = {
            "description": "With validate_only: what the adapter would do.",
            "content": {"application/json": {"schema": {"$ref": _REF.format(name="Preview")}}},
        }
    for status, meaning in route.also.items():
        responses[str(status)] = responses[str(route.status)] | {"description": meaning}
    if "ETag" in route.headers and route.method == "GET":
        responses["304"] = {"description": "You have the current version."}
    by_status: dict[int, list[str]] = {}
    for slug in refusals(route):
        by_status.setdefault(PROBLEM_TYPES[slug].status, []).append(slug)
    for status, slugs in sorted(by_status.items()):
        schema = {"$ref": _REF.format(name="Problem")}
        responses[str(status)] = {
            "description": "; ".join(f"{PROBLEM_TYPES[slug].title} (/problems/{slug})" for slug in slugs),
            "content": {problems.MEDIA_TYPE: {"schema": schema}},
        }
    return responses


BEFORE_ANY_ROUTE = ("request-timeout", "url-too-long", "headers-too-large", "too-many-connections")
"""the refusals of a connection before any route is known"""


def refusals(route: Route) -> list[str]:
    """Every kind of refusal that a route can answer with, by slug."""
    slugs = ["invalid-request", "internal", *BEFORE_ANY_ROUTE, *route.problems]
    if route.role is not None:
        slugs += ["unauthenticated", "forbidden", "not-found"]
    if route.body is not NoBody:
        slugs += ["too-large", "unsupported-media-type", "invalid-document"]
    if route.role is not None and route.method != "GET":
        slugs += ["bus-unavailable", "csrf-proof-required"]
    return list(dict.fromkeys(slugs))


def _success(route: Route) -> dict[str, Any]:
    response: dict[str, Any] = {"description": "Done." if route.answer is None else "What was asked for."}
    headers = (*route.headers, freshness.HEADER) if issubclass(route.query, queries.Read) else route.headers
    if headers:
        response["headers"] = {name: {"schema": {"type": "string"}, "description": _HEADERS[name]} for name in headers}
    if isinstance(route.answer, Listing):
        response["content"] = {"application/json": {"schema": _listing(route.answer)}}
    elif route.answer is not None:
        response["content"] = {"application/json": {"schema": {"$ref": _REF.format(name=route.answer.__name__)}}}
    elif route.status != 204:
        response["content"] = {route.media_type: {}}
    if route.streams is not None:
        item = {"$ref": _REF.format(name=route.streams.__name__)}
        # OpenAPI 3.1 cannot describe the items of a stream
        stream = {"type": "string", "contentMediaType": "text/event-stream", "x-event-data": item}
        response["content"]["text/event-stream"] = {
            "schema": stream | {"description": "Server-sent events; `data` of each is JSON as `x-event-data` says."}
        }
    return response


def _listing(listing: Listing) -> dict[str, Any]:
    properties = {
        "items": {"type": "array", "items": {"$ref": _REF.format(name=listing.of.__name__)}},
        "next_page_token": {"type": "string", "description": "Empty on the last page."},
    }
    if listing.counted:
        properties["total"] = {"type": "integer", "description": "How many match, where `total` asks for it."}
    return {"type": "object", "required": ["items", "next_page_token"], "properties": properties}
