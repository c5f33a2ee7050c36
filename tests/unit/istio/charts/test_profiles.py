"""What a profile consists of, what is derived for its charts, and what of a webhook is istiod's own."""

from typing import Any

import pytest

from meshwright.adapters.istio.charts import profiles, values
from meshwright.adapters.istio.charts.profiles import InstallSpec
from meshwright.adapters.istio.charts.values import Values
from meshwright.adapters.istio.operations import prechecks
from meshwright.adapters.istio.options import Options
from meshwright.core import kit
from meshwright.core.kit.kubernetes.installing import sources, webhooks
from meshwright.core.kit.kubernetes.installing.components import Component, merged
from meshwright.core.security import json_schemas


def of(spec: InstallSpec) -> dict[str, Component]:
    """The components of a spec by their charts."""
    return {each.chart: each for each in profiles.components(spec)}


@pytest.mark.parametrize(
    ("profile", "charts"),
    [
        ("default", ["base", "istiod", "gateway"]),
        ("minimal", ["base", "istiod"]),
        ("ambient", ["base", "istiod", "cni", "ztunnel"]),
    ],
)
def test_a_profile_is_its_charts_in_their_order(profile: str, charts: list[str]) -> None:
    """Definitions first, then who serves them, then who needs that."""
    assert list(of(InstallSpec(profile=profile))) == charts


def test_all_charts_agree_on_revision_namespace_and_images() -> None:
    """Otherwise node agents would look for a control plane that is not there."""
    result = of(
        InstallSpec(profile="ambient", version="1.31.0", revision="next", namespace="mesh", default_revision="next")
    )
    assert result["istiod"].release == "istiod-next"
    assert result["istiod"].values["revision"] == result["ztunnel"].values["revision"] == "next"
    assert result["base"].values["defaultRevision"] == "next"
    assert {each.namespace for each in result.values()} == {"mesh"}
    assert result["istiod"].values["global"]["tag"] == result["ztunnel"].values["tag"] == "1.31.0"
    assert result["istiod"].values["global"]["hub"] == result["ztunnel"].values["hub"] == profiles.RELEASE_HUB
    assert result["istiod"].values["profile"] == result["cni"].values["profile"] == "ambient"
    assert result["istiod"].values["trustedZtunnelNamespace"] == "mesh"


def test_values_of_a_person_win() -> None:
    """Also deep inside of what is derived; lists are replaced, as in Helm."""
    own = Values(istiod={"global": {"tag": "mine", "proxy": {"logLevel": "debug"}}}, hub="example.org/istio")
    result = of(InstallSpec(version="1.31.0", values=own))["istiod"].values["global"]
    assert (result["tag"], result["hub"], result["proxy"]) == ("mine", "example.org/istio", {"logLevel": "debug"})
    assert merged({"a": {"b": [1], "c": 1}}, {"a": {"b": [2]}}) == {"a": {"b": [2], "c": 1}}


def test_the_announced_schema_is_what_is_read() -> None:
    """Every value of the schema has its field, with the same default; what is unknown is refused."""
    assert set(values.SCHEMA["properties"]) == set(Values.__struct_fields__)
    assert json_schemas.problems({"charts": "/a", "istiod": {"x": 1}, "until": "moved"}, values.SCHEMA) == []
    assert json_schemas.problems({"istoid": {}}, values.SCHEMA)
    assert values.values_of({}) == Values()


@pytest.mark.parametrize(
    ("before", "after", "canary", "allowed"),
    [
        ("1.30.3", "1.30.4", False, True),
        ("1.30.4", "1.30.3", False, True),
        ("1.30.3", "1.31.0", False, True),
        ("1.30.3", "1.32.0", False, False),
        ("1.30.3", "1.32.0", True, True),
        ("1.30.3", "1.33.0", True, False),
        ("1.30.3", "1.29.0", True, False),
        ("1.30.3", "2.0.0", True, False),
        ("latest", "1.31.0", False, True),
    ],
)
def test_istio_goes_up_by_few_minor_versions(before: str, after: str, canary: bool, allowed: bool) -> None:
    """One in place, two by a second control plane, and never back by one."""
    if allowed:
        prechecks.check_skew(before, after, canary=canary)
        return
    with pytest.raises(kit.Reject) as refused:
        prechecks.check_skew(before, after, canary=canary)
    assert refused.value.failure.code == "MW4005"


def configuration(**config: Any) -> dict[str, Any]:
    """A configuration of one webhook."""
    return {"kind": "ValidatingWebhookConfiguration", "webhooks": [{"name": "w", "clientConfig": {}, **config}]}


def test_what_istiod_wrote_into_a_webhook_is_not_taken_from_it() -> None:
    """Its policy and its authority stay, once somebody else than we has written them; before, the chart's count."""
    wanted = configuration(failurePolicy="Ignore", clientConfig={"caBundle": "", "service": {"name": "istiod"}})
    key = 'k:{"name":"w"}'
    fields: dict[str, Any] = {"f:webhooks": {key: {"f:failurePolicy": {}, "f:clientConfig": {"f:caBundle": {}}}}}
    theirs = {"manager": "pilot-discovery", "operation": "Update", "fieldsV1": fields}
    live = {**configuration(), "metadata": {"managedFields": [theirs]}}
    result = webhooks.without_written(wanted, live, "us")["webhooks"][0]
    assert result == {"name": "w", "clientConfig": {"service": {"name": "istiod"}}}
    ours = {**theirs, "manager": "us", "operation": "Apply"}
    live = {**configuration(), "metadata": {"managedFields": [ours]}}
    assert webhooks.without_written(wanted, live, "us") == wanted


async def test_charts_come_from_where_the_worker_allows(tmp_path: Any) -> None:
    """A link out of the allowed folder is followed before it is judged; inner addresses need an allowance."""
    allowed, secret = tmp_path / "allowed", tmp_path / "secret"
    allowed.mkdir()
    secret.mkdir()
    (allowed / "link").symlink_to(secret)
    options = Options(chart_folders=str(allowed))
    await sources.check(str(allowed / "charts"), options)
    for location in (str(secret), str(allowed / "link"), str(allowed / ".." / "secret"), "charts", "ftp://x/y"):
        with pytest.raises(kit.Reject, match="#/values/charts"):
            await sources.check(location, options)
    with pytest.raises(kit.Reject, match="takes no charts from its host"):
        await sources.check(str(allowed), Options())
    with pytest.raises(kit.Reject):
        await sources.check("https://127.0.0.1/charts", Options())
    await sources.check("oci://127.0.0.1/charts", Options(chart_hosts="127.0.0.0/8"))
