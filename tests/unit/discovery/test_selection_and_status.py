"""What is watched, and what is said of a cluster, from what is known of it."""

import pytest

from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import Api
from meshwright.schemas.adapters import AccessRule
from meshwright.schemas.errors import Failure
from meshwright.workers.discovery import selection, status
from meshwright.workers.discovery.selection import Kind, Wanted


def api(group: str, kind: str, verbs: str = "get list watch") -> Api:
    """A kind that a cluster serves."""
    return Api(group, "v1", kind, kind.lower(), namespaced=True, verbs=frozenset(verbs.split()))


SERVED = [
    api("", "ConfigMap"),
    api("", "Pod"),
    api("", "Secret"),
    api("apps", "Deployment"),
    api("gateway.networking.k8s.io", "HTTPRoute"),
    api("networking.istio.io", "Gateway"),
    api("networking.istio.io", "Odd", verbs="get"),
]


def test_what_is_watched_follows_from_what_is_served_named_and_configured() -> None:
    """Workloads and the Gateway API always, secrets only when asked for, and nothing that cannot be watched."""
    always = [("", "Pod"), ("apps", "Deployment"), ("gateway.networking.k8s.io", "HTTPRoute")]
    assert selection.selected(SERVED, Wanted()) == always
    rights = [AccessRule(groups=["networking.istio.io", "", "apps"], resources=["*"], verbs=["*"])]
    named = Wanted().union(selection.of_rights(rights))
    assert selection.selected(SERVED, named) == sorted([*always, ("networking.istio.io", "Gateway")])
    assert ("", "Secret") in selection.selected(SERVED, selection.configured(" core/Secret ,"))
    assert ("", "ConfigMap") in selection.selected(SERVED, selection.configured("core/*"))


@pytest.mark.parametrize("text", ["ConfigMap", "/x", "a/", "a/b/c"])
def test_a_setting_that_names_no_kind_is_refused(text: str) -> None:
    """With an example of what one looks like."""
    with pytest.raises(selection.InvalidSelection, match="core/ConfigMap"):
        selection.configured(text)


POD, SERVICE = ("", "Pod"), ("", "Service")


def failure(code: str) -> Failure:
    """Something that hinders."""
    return Failure(code=code, what="it hinders")


@pytest.mark.parametrize(
    ("known", "pending", "told"),
    [
        ({POD: None}, [], "Reachable=True Authorized=True Synced=True"),
        ({}, [POD], "Reachable=True Authorized=True Synced=False"),
        ({POD: failure(k8s.Unreachable.code)}, [], "Reachable=False Authorized=Unknown Synced=False"),
        ({POD: failure(k8s.Unauthorized.code)}, [], "Reachable=True Authorized=False Synced=False"),
        ({POD: None, SERVICE: failure(k8s.Forbidden.code)}, [], "Reachable=True Authorized=False Synced=False"),
        (
            {POD: failure(k8s.TooManyRequests.code)},
            [],
            "Reachable=True Authorized=True Throttled=True Synced=False",
        ),
    ],
)
def test_each_hindrance_has_its_condition(known: dict[Kind, Failure | None], pending: list[Kind], told: str) -> None:
    """Away, not let in, asked for patience; only what is whole counts as synced."""
    result = status.conditions(known, pending, None)
    assert " ".join(f"{one.type}={one.status}" for one in result) == told


def test_a_connection_that_cannot_be_used_says_why() -> None:
    """In the words of its failure."""
    result = status.conditions({}, [], failure(k8s.InvalidConnection.code))
    assert result[0].status == "False"
    assert result[0].reason == "InvalidConnection"
    assert result[0].message == "it hinders"


@pytest.mark.parametrize(
    ("original", "identity", "types"), [("", "", []), ("a", "a", []), ("a", "", []), ("a", "b", ["Replaced"])]
)
def test_another_cluster_is_reported_only_when_both_are_known(original: str, identity: str, types: list[str]) -> None:
    """With the way to accept it; where the identity may not be read nothing is guessed."""
    told = status.replaced(original, identity)
    assert [each.type for each in told] == types
    assert all("connections set" in each.message and "UID b, and had a" in each.message for each in told)
