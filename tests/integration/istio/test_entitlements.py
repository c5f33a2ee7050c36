"""The printed roles are enough to install, upgrade and remove Istio, and without any part of them nothing is begun."""

from typing import Any

import pytest

from meshwright.adapters.istio.operations import entitlements
from meshwright.core import kit
from meshwright.core.kit.kubernetes import rights
from meshwright.core.kit.kubernetes.installing import needs
from meshwright.core.testing.eventually import eventually
from meshwright.schemas.adapters import NeededRights, RightsRequest
from meshwright.schemas.operations import InstallMesh, UninstallMesh, UpgradeMesh
from rig.entitled import covered, entitled, grant, lacks

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]
VERSION = "1.31.0"


async def needed(operator: Any, **asked: Any) -> NeededRights:
    """What a worker answers."""
    request = RightsRequest(workspace="default", values=operator.values, **{"version": VERSION, **asked})
    return await entitlements.needed(operator.runtime, request)


@pytest.mark.parametrize("profile", ["minimal", "default", "ambient"])
async def test_plural_names_and_places_are_those_of_the_cluster(operator: Any, profile: str) -> None:
    """Rules that are made without a cluster are those that the cluster itself would have made."""
    kinds = set[tuple[str, str]]()
    rules = (await needed(operator, profile=profile)).rules
    cluster = await operator.cluster()
    for api in await cluster.discovery.all():
        if any(api.group in each.groups and api.plural in each.resources for each in rules):
            kinds.add((api.group, api.plural))
    wanted = {(each.groups[0], name) for each in rules if "to bring" in each.because for name in each.resources}
    assert wanted <= kinds
    for api in await cluster.discovery.all():
        for each in rules:
            if each.because.startswith("to bring") and api.group in each.groups and api.plural in each.resources:
                assert bool(each.namespace) is api.namespaced, api
                assert needs.plural(api.kind) == api.plural


async def test_exactly_the_printed_rights_are_enough(operator: Any, admission: Any) -> None:
    """A service account that has nothing else installs, upgrades in place and to a revision, takes back and removes."""
    administrator, cluster = operator.runtime.connections.settings, await operator.cluster()
    account = await entitled(cluster, administrator)
    for version, revision in (("1.30.3", ""), (VERSION, ""), (VERSION, "canary")):
        answer = await needed(operator, version=version, revision=revision, profile="default")
        assert "escalate" not in {verb for each in answer.rules for verb in each.verbs}
        await grant(cluster, answer.name, answer.rules, account)
    before = await operator.everything()
    labels = {"istio.io/config": "true"}  # as istiod makes one in each namespace
    meta = {"name": "istio-ca-root-cert", "namespace": "kube-system", "labels": labels}
    await cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}, owner="istiod")
    operator.runtime.connections.settings = account
    values = {**operator.values, "istiod": admission.values}
    await operator.do(InstallMesh(version="1.30.3", profile="default", values=values))
    await operator.do(UpgradeMesh(version=VERSION))
    await operator.do(UpgradeMesh(version=VERSION, revision="canary", values={"restart": False}))
    arguments = UninstallMesh(definitions="unused")
    context = operator.context(operator.command(arguments))
    await operator.handle(context, arguments)
    assert await context.undo_all()
    result = await operator.do(arguments)
    operator.runtime.connections.settings = administrator
    left = {each for each in await operator.everything() - before if not each.startswith("Lease")}
    assert left == set(), result["kept"]


async def test_without_a_part_of_them_nothing_is_begun(operator: Any, admission: Any) -> None:
    """Installing and removing are refused before anything changes, with what is missing and how its role is printed."""
    administrator, cluster = operator.runtime.connections.settings, await operator.cluster()
    account = await entitled(cluster, administrator)
    rules = (await needed(operator, profile="minimal")).rules
    await grant(cluster, "installer", rules, account)
    installing = InstallMesh(version=VERSION, profile="minimal", values={**operator.values, "istiod": admission.values})

    async def refused(part: str, arguments: InstallMesh | UninstallMesh) -> None:
        """Take a part away that no other covers, and see the operation refused."""
        operator.runtime.connections.settings = administrator
        kept = [each for each in rules if not each.because.startswith(part)]
        lost = [each for each in rights.of(rules) if not covered(each, kept)]
        assert lost
        await grant(await operator.cluster(), "installer", kept, account)
        await eventually(lambda: lacks(account, lost), timeout=60)
        before = await operator.everything()
        operator.runtime.connections.settings = account
        with pytest.raises(kit.Reject, match="lacks rights") as told:
            await operator.do(arguments)
        operator.runtime.connections.settings = administrator
        failure = told.value.failure
        assert failure.code == "MW4014"
        assert {str(each) for each in lost} & set(failure.details["missing"])
        assert "meshwright connections rights --adapter istio --for install --version 1.31.0" in failure.remedy
        assert await operator.everything() == before, "nothing was begun"

    await refused("to bring", installing)
    await refused("to make Istio's own roles", installing)
    await operator.do(installing)
    await refused("to remove what istiod has made", UninstallMesh())
