"""Security on real Envoys: identities, mutual TLS, authorization, access logs."""

import ssl
from typing import Any

import httpx
import msgspec
import pytest

from meshwright.adapters.envoy.dataplane import administration
from meshwright.core.testing.eventually import eventually
from meshwright.schemas.intents import AccessLog, MutualTls
from meshwright.schemas.operations import RotateCertificates
from meshwright.schemas.workloads import ProxyObserved

pytestmark = pytest.mark.servers


async def test_plaintext_is_refused_by_default(envoy_mesh: Any) -> None:
    """No client without a certificate of the mesh reaches an inbound listener, in plain text or with TLS."""
    port = _inbound(envoy_mesh, "ratings-v1")
    with pytest.raises(httpx.TransportError):
        await envoy_mesh.client.get(f"http://127.0.0.1:{port}/")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with httpx.AsyncClient(verify=context, trust_env=False) as stranger:
        with pytest.raises((ssl.SSLError, httpx.TransportError)):
            await stranger.get(f"https://127.0.0.1:{port}/")
    assert (await envoy_mesh.get("ratings")).status_code == 200
    assert len(envoy_mesh.apps["ratings-v1"].requests) == 1


async def test_permissive_offers_both(envoy_mesh: Any) -> None:
    """A permissive service answers plaintext and mutual TLS; the others stay strict."""
    await envoy_mesh.apply(MutualTls(mode="permissive", service="ratings"))
    assert (await envoy_mesh.client.get(f"http://127.0.0.1:{_inbound(envoy_mesh, 'ratings-v1')}/")).text == "ratings-v1"
    assert (await envoy_mesh.get("ratings")).text == "ratings-v1"
    with pytest.raises(httpx.TransportError):
        await envoy_mesh.client.get(f"http://127.0.0.1:{_inbound(envoy_mesh, 'reviews-v1')}/")


async def test_the_app_learns_who_calls(envoy_mesh: Any) -> None:
    """The caller's SPIFFE identity arrives in x-forwarded-client-cert, and a forged one does not."""
    await envoy_mesh.get("ratings", headers={"x-forwarded-client-cert": "URI=spiffe://forged"})
    _, headers = envoy_mesh.apps["ratings-v1"].requests[0]
    assert "spiffe://mesh.local/ns/default/sa/web-v1" in headers["x-forwarded-client-cert"]
    assert "forged" not in headers["x-forwarded-client-cert"]


async def test_access_log_writes_json_lines(envoy_mesh: Any) -> None:
    """Requests to the service are logged by its sidecar with the caller's identity."""
    await envoy_mesh.apply(AccessLog(service="ratings"))
    await envoy_mesh.get("ratings", "/logged")
    log = envoy_mesh.plane.fleet.log("default.demo.ratings-v1")

    def line() -> Any:
        return next((each for each in log.read_text().splitlines() if '"/logged"' in each), None)

    entry = msgspec.json.decode(await eventually(line))
    assert (entry["status"], entry["caller"]) == (200, "spiffe://mesh.local/ns/default/sa/web-v1")


async def test_certificates_rotate_while_traffic_flows(envoy_mesh: Any) -> None:
    """Rotation gives every proxy a new certificate, published with its serial, and no request fails."""
    before = {each.proxy.id: each.proxy.certificate.serial for each in await _told(envoy_mesh)}
    await envoy_mesh.do(RotateCertificates())
    assert [(await envoy_mesh.get("reviews")).status_code for _ in range(20)] == [200] * 20

    async def renewed() -> bool:
        after = {each.proxy.id: each.proxy.certificate.serial for each in await _told(envoy_mesh)}
        return len(after) == 4 and all(after[name] != before[name] for name in before)

    await eventually(renewed)


async def test_a_proxy_with_anothers_certificate_is_refused(envoy_mesh: Any) -> None:
    """A sidecar that claims to be another workload does not get that workload's configuration or keys."""
    state = envoy_mesh.plane.state("default", "demo")
    thief = envoy_mesh.plane.bootstrap(state, "ratings-v1")
    await envoy_mesh.plane.fleet.ensure("thief", thief, await envoy_mesh.plane.files(state, "web-v1"))
    await envoy_mesh.plane.fleet.remove("default.demo.ratings-v1")

    async def refused() -> bool:
        statistics = await admin.get("http://thief/stats?filter=cluster.xds.upstream_rq_total|control_plane.connected")
        return "connected_state: 0" in statistics.text and "upstream_rq_total: 0" not in statistics.text

    async with httpx.AsyncClient(transport=administration.Transport(envoy_mesh.plane.fleet.directory)) as admin:
        await eventually(refused)
        dump = (await admin.get("http://thief/config_dump")).text
        assert "dynamic_listeners" not in dump and "reviews|v1" not in dump
    status = envoy_mesh.plane.status(state.node("ratings-v1"))
    assert status.state == "disconnected"


async def _told(envoy_mesh: Any) -> list[Any]:
    async def all_certified() -> list[Any]:
        result = [each for each in await envoy_mesh.events(ProxyObserved) if each.proxy.certificate]
        return result if len({each.proxy.id for each in result}) == 4 else []

    return list(await eventually(all_certified))


def _inbound(envoy_mesh: Any, workload: str) -> int:
    return int(envoy_mesh.plane.state("default", "demo").workloads[workload].ports.inbound)
