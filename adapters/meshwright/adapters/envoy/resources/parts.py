"""Small recurring parts of xDS: percentages, durations, matchers, typed extensions, addresses.

Invariant: each function returns plain JSON data in the field names of Envoy's documentation.
"""

import ipaddress
from typing import Any

from meshwright.adapters.envoy.resources import names
from meshwright.schemas.base import seconds
from meshwright.schemas.intents import HeaderMatch

Json = dict[str, Any]


def ads() -> Json:
    """The config source of a resource: the existing ADS stream."""
    return {"ads": {}, "resource_api_version": "V3"}


def typed(type_name: str, **body: Any) -> Json:
    """The configuration of an extension."""
    return {"@type": names.PREFIX + type_name, **body}


def percentage(percent: float) -> Json:
    """A share of requests, in whole percents or in millionths."""
    if float(percent).is_integer():
        return {"numerator": int(percent), "denominator": "HUNDRED"}
    return {"numerator": round(percent * 10_000), "denominator": "MILLION"}


def share(percent: float) -> Json:
    """A share of requests, where Envoy expects a runtime fractional percent."""
    return {"default_value": percentage(percent)}


def duration(text: str) -> str:
    """A duration of the contract in protobuf's form, which has seconds only."""
    return f"{seconds(text):.9f}".rstrip("0").rstrip(".") + "s"


def header(match: HeaderMatch) -> Json:
    """A matcher for one request header."""
    if match.prefix is not None:
        return {"name": match.name, "string_match": {"prefix": match.prefix}}
    if match.regex is not None:
        return {"name": match.name, "string_match": {"safe_regex": {"regex": match.regex}}}
    return {"name": match.name, "string_match": {"exact": match.exact or ""}}


def is_ip(host: str) -> bool:
    """Whether a host is an address rather than a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def address(host: str, port: int) -> Json:
    """A socket address."""
    return {"socket_address": {"address": host, "port_value": port}}


def listening(host: str, port: int) -> Json:
    """An exclusive address of a listener: otherwise any process of the same user could share it and take its calls."""
    return {"address": address(host, port), "enable_reuse_port": False}


def endpoint(host: str, port: int) -> Json:
    """One endpoint of a cluster."""
    return {"endpoint": {"address": address(host, port)}}


def inline(text: str) -> Json:
    """Inline data in a resource."""
    return {"inline_string": text}


def secret(name: str) -> Json:
    """A reference to a secret that arrives on the stream."""
    return {"name": name, "sds_config": ads()}


def tls_1_3() -> Json:
    """TLS 1.3 only; as a client Envoy stops at 1.2 by default."""
    return {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"}


def http_protocols() -> Json:
    """Use the caller's protocol upstream, so that gRPC passes unchanged."""
    options: Json = {"http_protocol_options": {}, "http2_protocol_options": {}}
    return {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions", use_downstream_protocol_config=options
        )
    }


def connection_manager(**settings: Any) -> Json:
    """The HTTP connection manager, a network filter."""
    return {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": typed(
            "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            server_header_transformation="PASS_THROUGH",
            **settings,
        ),
    }


def http_filter(name: str, type_name: str, **settings: Any) -> Json:
    """One HTTP filter."""
    return {"name": name, "typed_config": typed(type_name, **settings)}


def router() -> Json:
    """The HTTP filter that ends every chain."""
    return http_filter(names.ROUTER, "envoy.extensions.filters.http.router.v3.Router")
