"""Untrusted kubeconfigs: nothing in them is run, read or followed, and each refusal names its field."""

import sys
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core.security import kubeconfig, ssrf

REACHABLE = ssrf.policy("10.0.0.0/8", frozenset({443, 6443}))
SERVER = "https://10.1.2.3:6443"
HARMFUL = {"open", "subprocess.Popen", "os.exec", "os.system", "os.posix_spawn", "socket.connect"}
FIELDS = sorted(kubeconfig.DANGEROUS)


def config(cluster: Any = None, user: Any = None, **more: Any) -> str:
    """A harmless kubeconfig with these fields more."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": SERVER, **(cluster or {})}}],
        "users": [{"name": "u", "user": {"token": "t0ken", **(user or {})}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
        "current-context": "x",
        **more,
    }
    return yaml.safe_dump(document)


def pointers(text: str, context: str = "", allowed: str = "") -> list[str]:
    return [one.pointer for one in kubeconfig.problems(text, context, kubeconfig.allowance(allowed), REACHABLE)]


def test_a_harmless_one_passes() -> None:
    """What is embedded is taken, and the way in is the chosen context's."""
    assert pointers(config()) == []
    result = kubeconfig.access(config(), "x")
    assert (result.server, result.namespace, result.user["token"]) == (SERVER, "shop", "t0ken")
    assert pointers(config(cluster={"insecure-skip-tls-verify": False})) == []


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("part", ["cluster", "user"])
def test_a_dangerous_field_is_refused_by_name_unless_it_is_allowed(part: str, field: str) -> None:
    """Wherever a client would honour it or not, and until the admin names just that field."""
    text = config(**{part: {field: {"command": "sh"} if field == "exec" else "http://10.0.0.1"}})
    assert pointers(text) == [f"#/{part}s/0/{part}/{field}"]
    assert pointers(text, allowed=",".join(one for one in FIELDS if one != field)) == [f"#/{part}s/0/{part}/{field}"]
    assert pointers(text, allowed=f" {field} ") in ([], [f"#/{part}s/0/{part}/server"])


def test_a_context_that_is_not_used_counts_too() -> None:
    """Another context may be chosen later."""
    users = [{"name": "u", "user": {}}, {"name": "evil", "user": {"exec": {"command": "sh"}}}]
    assert pointers(config(users=users)) == ["#/users/1/user/exec"]


@pytest.mark.parametrize(
    "server",
    [
        "https://127.0.0.1:6443", "https://localhost:6443", "https://169.254.169.254", "http://[::1]:6443",
        "https://192.168.1.1:6443", "https://kubernetes.default.svc.cluster.local", "file:///etc/passwd", "",
        "https://user:pw@10.0.0.1", "https://0x7f000001:6443", "unix:///var/run/docker.sock",
    ],
)  # fmt: skip
def test_a_server_leads_nowhere_inside(server: str) -> None:
    """Loopback, link-local, metadata services and private networks are refused unless allowed."""
    assert pointers(config(cluster={"server": server})) == ["#/clusters/0/cluster/server"]


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "a: &a [*a]", "!!python/object/apply:os.system ['true']", "x: " + "[" * 100 + "]" * 100,
        "a: 1\n---\nb: 2", "a: 1\na: 2", "#" * (kubeconfig.MAX_BYTES + 1), "\x00", "\ud800", "clusters: {}",
        "&a [x,x,x,x,x,x,x,x,x]: &b [*a,*a]",
        "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n"
        "d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d]",
    ],
)  # fmt: skip
def test_what_is_no_kubeconfig_is_refused(text: str) -> None:
    """Bombs, objects, several documents, surrogates and what is too large end as refusals."""
    assert pointers(text)


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"users": [{"name": "u", "user": {"unknown": "x"}}]}, "#/users/0/user/unknown"),
        ({"users": [{"name": "u", "user": {"token": 5}}]}, "#/users/0/user/token"),
        ({"users": [{"name": "u", "user": {}}, {"name": "u", "user": {}}]}, "#/users/1/name"),
        ({"users": [{"name": "u", "user": {}, "exec": {}}]}, "#/users/0"),
        ({"contexts": []}, "#/current-context"),
        ({"current-context": ["x"]}, "#/current-context"),
        ({"contexts": [{"name": "x", "context": {"cluster": "nope", "user": "u"}}]}, "#/contexts"),
        ({"exec": {"command": "sh"}}, "#/exec"),
    ],
)
def test_every_complaint_has_its_place(more: dict[str, Any], pointer: str) -> None:
    """What is unknown, of a wrong type, double or missing is named."""
    assert pointers(config(**more)) == [pointer]


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["clusters", "users", "contexts", "current-context", "apiVersion"]), junk))
def test_anything_at_all_is_refused_or_harmless(document: dict[str, Any]) -> None:
    """Any document has problems with places, or gives settings with only harmless fields."""
    text = yaml.safe_dump(document)
    collected = kubeconfig.problems(text, "", frozenset(), REACHABLE)
    assert all(one.pointer.startswith("#") and one.detail for one in collected)
    if not collected:
        way = kubeconfig.access(text, "")
        assert not (way.cluster.keys() | way.user.keys()) & kubeconfig.DANGEROUS.keys()


def test_nothing_is_run_or_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading every dangerous document starts no process and opens no file."""
    seen: list[str] = []
    watching = [True]

    def hook(event: str, _arguments: object) -> None:
        if watching[0] and event in HARMFUL:
            seen.append(event)

    sys.addaudithook(hook)
    try:
        for field in FIELDS:
            kubeconfig.problems(config(user={field: "/etc/passwd"}), "", frozenset(), REACHABLE)
    finally:
        watching[0] = False  # a hook cannot be taken away
    assert seen == []


def test_an_allowance_names_dangerous_fields_only() -> None:
    """A misspelt one is reported at the start, with the valid ones."""
    assert kubeconfig.allowance("exec, proxy-url") == {"exec", "proxy-url"}
    with pytest.raises(kubeconfig.InvalidAllowance, match="tokenfile cannot be allowed"):
        kubeconfig.allowance("tokenfile")
