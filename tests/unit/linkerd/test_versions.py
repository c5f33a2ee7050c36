"""Edge releases are told apart by the minor version that they belong to, and by what that knows of routes."""

import pytest

from meshwright.adapters.linkerd import versions


@pytest.mark.parametrize(
    ("release", "minor"),
    [
        ("edge-26.6.3", "2.20"),
        ("edge-26.8.3", "2.20"),
        ("edge-26.6.2", "2.19"),
        ("edge-25.10.7", "2.19"),
        ("edge-25.4.4", "2.18"),
        ("edge-24.11.8", "2.17"),
        ("edge-24.9.1", "2.16"),
        ("edge-24.1.1", ""),
        ("enterprise-2.18.1", "2.18"),
        ("stable-2.14.10", "2.14"),
        ("main", ""),
        ("git-1a2b3c", ""),
    ],
)
def test_a_release_belongs_to_the_newest_minor_version_that_is_not_newer(release: str, minor: str) -> None:
    """Also between two minor versions; what is no release belongs to none."""
    assert versions.level(release) == minor


def test_charts_of_an_edge_have_its_date_as_their_version() -> None:
    """As the repository of edges numbers them."""
    assert versions.chart_version("edge-26.6.3") == "2026.6.3"
    assert versions.chart_version("enterprise-2.18.1") == ""


def test_fields_for_which_a_route_would_be_ignored_are_found_with_their_place() -> None:
    """By the minor version: what one knows another does not."""
    rule = {"name": "all", "filters": [{"type": "RequestHeaderModifier"}, {"type": "RequestMirror"}]}
    route: dict[str, object] = {"spec": {"rules": [{}, rule, {"retry": {"attempts": 3}}]}}
    mirror, retry = "spec.rules[1].filters[1] (RequestMirror)", "spec.rules[2].retry"
    assert versions.unknown_fields(route, "2.20") == [mirror, retry]
    assert versions.unknown_fields(route, "2.17") == ["spec.rules[1].name", mirror, retry]
