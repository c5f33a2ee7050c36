"""What a real sidecar tells of itself: the certificate that it holds, and the configuration that it runs with."""

import os
import signal

import pytest

from meshwright.adapters.envoy.adapter import adapter
from meshwright.adapters.envoy.operations import accounts
from meshwright.core import kit
from meshwright.schemas.workloads import ProxyRequest
from rig.stack.envoy_mesh import EnvoyMesh

pytestmark = pytest.mark.servers


async def test_a_sidecar_tells_what_it_holds(envoy_mesh: EnvoyMesh) -> None:
    """Its own certificate with its identity and issuer, the root, and the resources of each type by name."""
    assert adapter.proxy_asker is not None
    state = envoy_mesh.plane.state("default", "demo")
    assert state is not None
    name = sorted(state.workloads)[0]
    scope = kit.Scope(
        envoy_mesh.runtime, envoy_mesh.plane, kit.MeshRef(workspace="default", connection="local", mesh="demo")
    )
    asked = ProxyRequest(workspace="default", connection="local", mesh="demo", name=name)
    told = await adapter.proxy_asker(scope, asked)
    own = next(each for each in told.certificates if each.role == "own")
    roots = {each.subject for each in told.certificates if each.role == "root"}
    assert own.names[0].startswith("spiffe://")
    assert own.issuer in roots - {""}
    assert own.not_before and own.not_after and own.not_before < own.not_after
    held = {each.type: each for each in told.resources}
    assert "outbound" in held["Listener"].names
    assert held["Cluster"].count >= 1
    with pytest.raises(kit.Reject, match="no sidecar nobody runs on the host"):
        await adapter.proxy_asker(
            scope, ProxyRequest(workspace="default", connection="local", mesh="demo", name="nobody")
        )


async def test_a_frozen_sidecar_may_answer_later(envoy_mesh: EnvoyMesh, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no sidecar that is not there: the question is worth another try."""
    assert adapter.proxy_asker is not None
    monkeypatch.setattr(accounts, "_ANSWER_S", 0.5)
    state = envoy_mesh.plane.state("default", "demo")
    assert state is not None
    name = sorted(state.workloads)[0]
    scope = kit.Scope(
        envoy_mesh.runtime, envoy_mesh.plane, kit.MeshRef(workspace="default", connection="local", mesh="demo")
    )
    asked = ProxyRequest(workspace="default", connection="local", mesh="demo", name=name)
    sidecars = await envoy_mesh.plane.fleet.list()
    pid = next(each.pid for each in sidecars if each.node_id == str(state.node(name)))
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(kit.Retry, match=f"the sidecar {name} does not answer"):
            await adapter.proxy_asker(scope, asked)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (await adapter.proxy_asker(scope, asked)).certificates
