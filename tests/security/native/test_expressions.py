"""Regular expressions are judged as Envoy judges them, before anything changes, and bounded in length."""

import json
import subprocess
from typing import Any

import pytest

from meshwright.adapters.envoy.admission import regexes
from meshwright.adapters.envoy.dataplane import program
from meshwright.adapters.envoy.state import desired, validation
from meshwright.adapters.envoy.state.desired import DesiredState
from meshwright.schemas.designs import Design, design_problems
from meshwright.schemas.intents import LONGEST_REGEX, FaultAbort, FaultDelay, HeaderMatch, HeaderRoute
from meshwright.schemas.workloads import WorkloadSpec

MESH = desired.enrol(
    DesiredState(workspace="w", mesh="m", connection="c"),
    [WorkloadSpec(name="a", service="a", port=80)],
    {"a": desired.Ports(outbound=1, inbound=2)},
)
GOOD = ("a", ".*", "^/api/v[0-9]+$", "a{96}", "(a|b){25}", r"\pL{10}", "é{40}", "[^a]{40}", "(?i)abc", "")
BAD = ("(", "a**", "(?=x)", r"\1", "a{97}", "a{1001}", "(a{30}){30}", r"\pL{20}", "é{120}", "(x+x+){40}y")


def envoy_takes(texts: tuple[str, ...]) -> bool:
    """Whether a real Envoy accepts routes that match by all of these."""
    match = [{"match": {"safe_regex": {"regex": text}}, "direct_response": {"status": 200}} for text in texts]
    package = "type.googleapis.com/envoy.extensions.filters"
    manager = {
        "@type": f"{package}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "x",
        "route_config": {"virtual_hosts": [{"name": "x", "domains": ["*"], "routes": match}]},
        "http_filters": [{"name": "router", "typed_config": {"@type": f"{package}.http.router.v3.Router"}}],
    }
    address = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
    chains = [{"filters": [{"name": "http", "typed_config": manager}]}]
    bootstrap = {"static_resources": {"listeners": [{"name": "x", "address": address, "filter_chains": chains}]}}
    command = [str(program.envoy()), "--mode", "validate", "--config-yaml", json.dumps(bootstrap), "-l", "off"]
    return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0


@pytest.mark.servers
def test_what_passes_here_passes_in_envoy() -> None:
    """Those that are let through, Envoy takes."""
    assert [regexes.problem(text) for text in GOOD] == [""] * len(GOOD)
    assert envoy_takes(tuple(text for text in GOOD if text))


@pytest.mark.servers
@pytest.mark.parametrize("text", BAD)
def test_what_envoy_refuses_is_refused_here(text: str) -> None:
    """What Envoy would refuse with the whole configuration is refused alone, with a reason."""
    assert regexes.problem(text)
    assert not envoy_takes((text,))


@pytest.mark.parametrize("text", BAD)
def test_every_intent_with_an_expression_is_asked(text: str) -> None:
    """The place of the expression is named, whichever intent has it."""
    header = HeaderMatch(name="x-user", regex=text)
    several: list[Any] = [
        HeaderRoute(service="a", header=header, version="v1"),
        FaultDelay(service="a", delay="1s", header=header),
        FaultAbort(service="a", status=503, header=header),
    ]
    result = validation.problems(MESH, Design(id="d", intents=several))
    assert [each.pointer for each in result] == [f"#/intents/{index}/header/regex" for index in range(3)]


@pytest.mark.parametrize("length", [LONGEST_REGEX, LONGEST_REGEX + 1, 900_000])
def test_an_expression_is_bounded_at_the_door(length: int) -> None:
    """A too long one is refused by the design's own rules, before any adapter is asked."""
    header = HeaderMatch(name="x-user", regex="a" * length)
    result = design_problems(Design(id="d", intents=[HeaderRoute(service="a", header=header, version="v1")]))
    assert [each.pointer for each in result] == ["#/intents/0/header/regex"] * (length > LONGEST_REGEX)
