"""Our findings beside those of the real `istioctl analyze`: on the files of its own tests, and on our cases.

Invariant: whatever one side finds alone stands in a table here with the reason, and a reason that is not needed any
longer fails the test.
"""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshwright.schemas.rules import BY_CODE
from rig.istio import istioctl
from rig.istio.istioctl import Key

pytestmark = [
    pytest.mark.servers,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:Parsed a serial number"),  # of a certificate among istioctl's files
]
_ENVOY = "Envoy's own messages are known to the proxy alone, which says what it refuses: `proxies list`"
_ONCE = "the same mistake as IST0134, which is found"
_MISSING = "the Gateway does not exist at all, which is found (MW3101)"
_LONGER = "no conflict: of two wildcards Envoy takes the longer one"
_ROUTE = "found as a route that is never used (MW3104), not match by match"
_SUPPOSED = "istioctl supposes an ingress gateway with its Service beside the files; we judge what there is"
_SETTINGS = "a setting of the whole mesh in a file of its own, which is no resource"
_UNUSED = "its own command does not run this analyzer: nearly every annotation is alpha"
THEIRS: dict[Key, str] = {
    (istioctl.ENVOY, "EnvoyFilter bookinfo/test-auth-2"): _ENVOY,
    (istioctl.ENVOY, "EnvoyFilter bookinfo/test-auth-3"): _ENVOY,
    (istioctl.ENVOY, "EnvoyFilter bookinfo/test-relative-3"): _ENVOY,
    (istioctl.ENVOY, "EnvoyFilter bookinfo/test-replace-3"): _ENVOY,
    ("IST0133", "ServiceEntry address-allocated"): _ONCE,
    ("IST0133", "ServiceEntry address-missing-uppercase"): _ONCE,
    ("IST0132", "VirtualService almost-duplicate-tcp-match"): _MISSING,
    ("IST0132", "VirtualService bar/ratings"): _MISSING,
    ("IST0132", "VirtualService bar/reviews"): _MISSING,
    ("IST0132", "VirtualService duplicate-empty-tcp"): _MISSING,
    ("IST0132", "VirtualService duplicate-tcp-match"): _MISSING,
    ("IST0132", "VirtualService httpbin-bogus"): _MISSING,
    ("IST0132", "VirtualService team2/ratings"): _MISSING,
    ("IST0132", "VirtualService team4/ratings"): _MISSING,
    ("IST0109", "VirtualService bar/productpage-d"): _LONGER,
    ("IST0109", "VirtualService foo/productpage-d"): _LONGER,
    ("IST0131", "VirtualService duplicate-match"): _ROUTE,
    ("IST0131", "VirtualService duplicate-tcp-match"): _ROUTE,
    ("IST0131", "VirtualService none/tls-routing"): _ROUTE,
    ("IST0131", "VirtualService overlapping-in-two-matches"): _ROUTE,
}
"""what istioctl reports of the files, and we do not"""
EXPECTED: dict[Key, str] = {
    ("IST0126", "MeshNetworks istio-system/meshnetworks"): _SETTINGS,
    ("IST0002", "Telemetry istio-system/mesh-default"): _SETTINGS,
    ("IST0148", "Namespace bar"): "no mistake: the namespace is injected, as the mesh does it by default",
    ("IST0173", "DestinationRule default/empty-topology-labels"): "labels of nodes are not read",
    ("IST0101", "VirtualService hello/hello-export-to-bogus"): "hosts are judged from the rule's own namespace",
    ("IST0136", "Deployment fortio-deploy"): _UNUSED,
    ("IST0136", "Pod anno-not-set-by-default"): _UNUSED,
    ("IST0136", "Pod invalid-annotations"): _UNUSED,
    ("IST0136", "Service httpbin"): _UNUSED,
    ("IST0132", "VirtualService httpbin-bogus"): _MISSING,
    ("IST0109", "VirtualService bar/productpage-d"): _LONGER,
    ("IST0109", "VirtualService foo/productpage-d"): _LONGER,
    ("IST0131", "VirtualService duplicate-match"): _ROUTE,
    ("IST0131", "VirtualService duplicate-tcp-match"): _ROUTE,
    ("IST0131", "VirtualService none/tls-routing"): _ROUTE,
    ("IST0131", "VirtualService overlapping-in-two-matches"): _ROUTE,
}
"""what istioctl's own tests expect, where its analyzers see pods in files, and we do not report"""
_BEFOREHAND = "of the checks before an installation, which our installation makes itself"
CODES = {
    "IST0001": "an error of the tool itself: ours ends with exit code 1",
    "IST0126": _SETTINGS,
    "IST0136": _UNUSED,
    "IST0141": _BEFOREHAND,
    "IST0142": _BEFOREHAND,
    "IST0143": "needs a command in every container, to see where it listens: no right that we ask for",
    "IST0148": "no mistake: the namespace is injected, as the mesh does it by default",
    "IST0168": _BEFOREHAND,
    "IST0169": _BEFOREHAND,
    "IST0170": "compares several clusters, and a mesh of ours is on one connection",
}
"""the codes of istioctl for which we have no rule"""
_UNTESTED = "istioctl has it too, and leaves it out for files without a cluster; its tests of this file are of others"
OURS: dict[str, tuple[int, str]] = {
    "MW3001": (4, "files that hold no resource: istioctl says so beside its findings"),
    "MW3003": (3, "istioctl passes over fields that a kind does not have"),
    "MW3004": (1, "istioctl does not look into definitions"),
    "MW3104": (1, "the route as a whole, where istioctl names its matches (IST0131)"),
    "MW3105": (1, "a match behind one for every path: istioctl compares matches of several routes only"),
    "MW3201": (6, _UNTESTED),
    "MW3202": (1, _UNTESTED),
    "MW3203": (2, _UNTESTED),
    "MW3210": (3, _UNTESTED),
    "MW3501": (2, _SUPPOSED),
    "MW3502": (9, _UNTESTED),
    "MW3504": (2, "the Gateways share a pod, though neither selector lies within the other"),
    "MW3505": (13, _UNTESTED),
    "MW3704": (4, _UNTESTED),
}
"""how often we report what istioctl neither reports nor expects of the same file"""
REFUSED = ("MW3112", "MW3307", "MW3409", "MW3410", "MW3507", "MW3603")
"""what istiod's webhook refuses: its checks are those of istioctl"""
CASES = Path(__file__).parents[2] / "unit" / "istio" / "analysis" / "cases.yaml"


@pytest.fixture(scope="module")
def analysis() -> Path:
    """Where istioctl's own tests lie."""
    return istioctl.analysis_folder()


@pytest.fixture(scope="module")
def theirs(analysis: Path) -> dict[Path, set[Key]]:
    """What istioctl finds in each file of its tests."""
    paths = sorted((analysis / "analyzers" / "testdata").glob("*.yaml"))
    with ThreadPoolExecutor(4) as threads:
        return dict(zip(paths, threads.map(istioctl.findings, paths), strict=True))


def unexplained(alone: Counter[Key], reasons: dict[Key, str]) -> tuple[set[Key], set[Key]]:
    """Findings without a reason, and reasons without a finding."""
    return set(alone) - set(reasons), set(reasons) - set(alone)


def test_what_istioctl_finds_in_its_files_is_found(analysis: Path, theirs: dict[Path, set[Key]]) -> None:
    """Nearly all of it; the rest has reasons."""
    definitions = istioctl.definitions(analysis)
    alone: Counter[Key] = Counter()
    both = 0
    for path, keys in theirs.items():
        ours = istioctl.ours([path], definitions=definitions)
        missing = [key for key in keys if not istioctl.is_found(key, ours)]
        both += len(keys) - len(missing)
        alone.update(missing)
    assert unexplained(alone, THEIRS) == (set(), set())
    assert (both, alone.total()) == (174, 20)


def test_what_istioctl_expects_of_its_files_is_found(analysis: Path) -> None:
    """Its own tests let analyzers see pods in files, as if they were all that there is."""
    folder = analysis / "analyzers" / "testdata"
    alone: Counter[Key] = Counter()
    both = 0
    for case in istioctl.own_cases(analysis):
        ours = istioctl.ours([folder / name for name in case.files], complete=True)
        missing = [key for key in case.expected if not istioctl.is_found(key, ours)]
        both += len(case.expected) - len(missing)
        alone.update(missing)
    assert unexplained(alone, EXPECTED) == (set(), set())
    assert (both, alone.total()) == (189, 16)


def test_every_code_of_istioctl_has_a_rule_or_a_reason(analysis: Path) -> None:
    """A newer istioctl with another code is noticed."""
    known = set(istioctl.codes(analysis).values())
    ours = {code for rule in BY_CODE.values() for code in rule.equivalents}
    assert known - ours == set(CODES)
    assert ours - known == set()


def test_what_only_we_find_has_a_reason(analysis: Path, theirs: dict[Path, set[Key]]) -> None:
    """Counted by code, so that a new false alarm on these files is noticed."""
    definitions = istioctl.definitions(analysis)
    expected: dict[str, set[Key]] = {}
    for case in istioctl.own_cases(analysis):
        for name in case.files:
            expected.setdefault(name, set()).update(case.expected)
    alone: Counter[str] = Counter()
    where: list[tuple[str, str, str]] = []
    for path, keys in theirs.items():
        for code, origin in istioctl.ours([path], definitions=definitions):
            if not istioctl.is_known((code, origin), keys | expected.get(path.name, set())):
                alone[code] += 1
                where.append((code, origin, path.name))
    wrong = [each for each in sorted(where) if OURS.get(each[0], (0, ""))[0] != alone[each[0]]]
    assert dict(alone) == {code: count for code, (count, _) in OURS.items()}, wrong


def test_istiod_refuses_what_is_said_to_be_refused(tmp_path: Path, analysis: Path) -> None:
    """Each case of these rules breaks istioctl's validation, which is the webhook's, and each mended one does not."""
    cases = [each for each in yaml.safe_load(CASES.read_text()) if each["code"] in REFUSED]
    assert {each["code"] for each in cases} == set(REFUSED)
    assert all("IST0106" in BY_CODE[code].equivalents for code in REFUSED)
    for state in ("broken", "sound"):
        documents = [placed(one, index) for index, case in enumerate(cases) for one in case[state]]
        path = tmp_path / f"{state}.yaml"
        path.write_text("\n---\n".join(map(json.dumps, documents)))
        refused = {origin for code, origin in istioctl.findings(path) if code == "IST0106"}
        expected = {f"{each['kind']} {each['metadata']['namespace']}/{each['metadata']['name']}" for each in documents}
        assert refused == (expected if state == "broken" else set())


def placed(document: dict[str, Any], index: int) -> dict[str, Any]:
    """The resource in a namespace of its own."""
    return {**document, "metadata": {**document["metadata"], "namespace": f"case-{index}"}}
