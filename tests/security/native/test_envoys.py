"""Hostile native resources and real Envoys: none takes one, whichever way it comes, and no file is touched."""

import json
from typing import Any

import msgspec
import pytest

from meshwright.adapters.envoy.state import desired
from meshwright.core import kit
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import NativeResource
from meshwright.schemas.operations import ApplyDesign
from rig.inputs import hostile_natives, natives

pytestmark = pytest.mark.servers
TITLES = (
    "answer from a file", "answer from the environment", "authorities from a file", "access log to a file", "Lua",
    "Lua by route", "external authorization", "a Unix socket", "loopback", "a listener", "no TLS to a service",
    "no access rules by virtual host", "the control plane as a route", "identity forged going out",
)  # fmt: skip
MARK = "hostile-mark"


def tampered(title: str, file: str = "") -> NativeResource:
    """A resource of the corpus; what it reads or writes is `file`."""
    kind, name, body = hostile_natives.HOSTILE[title]
    text = json.dumps(body).replace("/etc/passwd", file or "/etc/passwd").replace("/tmp/log", f"{file}.log")
    return NativeResource(type=kind, name=name, body=json.loads(text))


async def configured(envoy_mesh: Any) -> str:
    """The whole configuration of the mesh's sidecars, from their admin interface."""
    return "".join([await envoy_mesh.config_dump(name) for name in envoy_mesh.plane.state("default", "demo").workloads])


async def test_the_door_refuses_and_nothing_changes(envoy_mesh: Any, tmp_path: Any) -> None:
    """Preview and operation name place, reason and code; the desired state, the proxies and the files stay."""
    secret = tmp_path / "secret"
    secret.write_text(MARK)
    before, dumped = envoy_mesh.plane.state("default", "demo"), await configured(envoy_mesh)
    for title in TITLES:
        design = Design(id="hostile", resources=[tampered(title, str(secret))])
        told = await envoy_mesh.preview(ApplyDesign(design=design))
        assert [each.code for each in told.problems] == ["MW2011"] * len(told.problems) != [], title
        assert told.diff == []
        with pytest.raises(kit.Reject) as refusal:
            await envoy_mesh.do(ApplyDesign(design=design))
        assert refusal.value.failure.code == "MW2011"
        assert refusal.value.failure.details["errors"] == msgspec.to_builtins(told.problems)
    assert envoy_mesh.plane.state("default", "demo") == before
    assert await configured(envoy_mesh) == dumped
    assert MARK not in (await envoy_mesh.get("reviews")).text
    assert sorted(each.name for each in tmp_path.glob("secret*")) == ["secret"]


async def test_what_was_stored_before_reaches_no_envoy(envoy_mesh: Any, tmp_path: Any) -> None:
    """A state with hostile resources in it is served without them; useful ones beside them and the rest work."""
    secret = tmp_path / "secret"
    secret.write_text(MARK)
    kind, name, body = natives.LEGITIMATE["a compressor"]
    good = NativeResource(type=kind, name=name, body=body)
    resources = [good, *(tampered(title, str(secret)) for title in TITLES)]
    before = envoy_mesh.plane.state("default", "demo")
    state = desired.apply_design(before, Design(id="old", resources=resources), 1)
    await envoy_mesh.plane.buckets.desired.put("default.demo", desired.encode(state))
    answers = await envoy_mesh.plane.applied("default", "demo", desired.version(state))
    assert {each.state for each in answers.values()} == {"synced"}
    dumped = await configured(envoy_mesh)
    assert "Gzip" in dumped
    for trace in (str(secret), "lua.v3", "18080", "docker.sock", "x-forwarded-client-cert", "raw_buffer.v3"):
        assert trace not in dumped, trace
    assert set(await envoy_mesh.shares("reviews", 10)) == {"reviews-v1", "reviews-v2"}
    assert sorted(each.name for each in tmp_path.glob("secret*")) == ["secret"]
    (told,) = [each for each in envoy_mesh.plane.mesh(state).conditions if each.type == "NativeResourcesServed"]
    assert told.status == "False" and "Listener extra" in told.message


async def test_useful_resources_work_together(envoy_mesh: Any) -> None:
    """All that send nothing outside are taken by real Envoys at once, and calls go on."""
    outside = ("a host outside", "a host outside in IPv6", "a host outside by TLS", "a route to a host outside")
    replaced = (
        "an answer",
        "an answer coming in",
        "a redirect",
        "a path rewritten",
        "a fault",
        "a match",
        "health checks",
    )
    for title, (kind, name, body) in natives.LEGITIMATE.items():
        if title not in (*outside, *replaced):
            await envoy_mesh.do(
                ApplyDesign(design=Design(id="useful", resources=[NativeResource(type=kind, name=name, body=body)]))
            )
    assert (await envoy_mesh.get("reviews")).status_code == 200
