"""Credentials in settings: found by their schema, taken out whole, put back where they were."""

import secrets as randoms
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core.security import connection_rules, connection_secrets, json_schemas, sealing
from meshwright.schemas import connections
from meshwright.schemas.base import Model
from meshwright.schemas.connections import ConnectionSettings, Secret, Tls, Url
from meshwright.schemas.documents import jsonschema

RULES = connection_rules.rules("10.0.0.0/8", "")


class Login(Model, frozen=True, kw_only=True):
    """Who we are."""

    user: str = ""
    password: Secret = ""


class Acme(ConnectionSettings, frozen=True, kw_only=True):
    """A kind of a third party."""

    kind: ClassVar[str] = "acme"
    url: Url = ""
    login: Login | None = None
    tls: Tls = Tls()
    by_site: dict[str, Login] = {}
    more: list[Login] = []


SCHEMA = json_schemas.closed(jsonschema.schema(Acme))
text = st.text(max_size=6)
login = st.fixed_dictionaries({}, optional={"user": text, "password": text})
acme = st.fixed_dictionaries(
    {},
    optional={
        "url": st.just("https://10.0.0.1"),
        "login": login | st.none(),
        "tls": st.fixed_dictionaries({}, optional={"key": text, "ca": text}),
        "by_site": st.dictionaries(st.sampled_from(["a/b", "c~d", "e"]), login, max_size=3),
        "more": st.lists(login, max_size=2),
    },
)


def words(value: Any) -> list[str]:
    """Every text under a key `password` or `key`."""
    if isinstance(value, list):
        return [word for one in value for word in words(one)]
    if not isinstance(value, dict):
        return []
    own = [str(one) for key, one in value.items() if key in ("password", "key")]
    return own + [word for key, one in value.items() if key not in ("password", "key") for word in words(one)]


@given(acme)
def test_credentials_leave_and_come_back(settings: dict[str, Any]) -> None:
    """What stays holds none of them, and both together are what was given."""
    public, secrets = connection_secrets.split(settings, SCHEMA)
    assert words(public) == []
    assert connection_secrets.merge(public, secrets) == settings
    assert all(pointer.startswith("/") for pointer in secrets)


@pytest.mark.parametrize("kind", sorted(connections.SETTINGS_TYPES))
def test_every_secret_of_our_kinds_is_found(kind: str) -> None:
    """A field of type Secret is taken out by its schema alone."""
    wanted = {"kubernetes": ["/kubeconfig"], "prometheus": ["/bearer_token", "/password", "/tls/key"]}
    both = {"consul": ["/tls/key", "/token"], "kuma": ["/tls/key", "/token"], "envoy-fleet": []}
    everything = {"kubeconfig": "s", "token": "s", "password": "s", "bearer_token": "s", "tls": {"key": "s"}}
    known = {name for name in everything if name in connection_rules.SCHEMAS[kind].get("properties", {})}
    settings = {name: everything[name] for name in known}
    public, secrets = connection_secrets.split(settings, connection_rules.SCHEMAS[kind])
    assert sorted(secrets) == (wanted | both)[kind]
    assert "s" not in str(list(public.values()))


def test_a_seal_opens_for_its_own_connection_only() -> None:
    """Copied to another connection or workspace it is of no use."""
    sealer = sealing.Sealer([randoms.token_bytes(32)])
    sealed = connection_secrets.seal(sealer, {"/token": "s3cret"}, "blue", "prod")
    assert connection_secrets.unseal(sealer, sealed, "blue", "prod") == {"/token": "s3cret"}
    assert b"s3cret" not in sealed.ciphertext
    for place in (("red", "prod"), ("blue", "test")):
        with pytest.raises(sealing.CannotOpen):
            connection_secrets.unseal(sealer, sealed, *place)


@pytest.mark.parametrize(
    ("kind", "settings", "pointer"),
    [
        ("consul", {"url": "http://169.254.169.254"}, "#/url"),
        ("consul", {"url": "http://localhost:8500"}, "#/url"),
        ("consul", {"tls": {"certificate": "x"}}, "#/tls/key"),
        ("consul", {"unknown": 1}, "#/unknown"),
        ("prometheus", {"password": "x"}, "#/username"),
        ("prometheus", {"username": "x", "bearer_token": "y"}, "#/bearer_token"),
        ("kubernetes", {"in_cluster": True, "context": "x"}, "#/in_cluster"),
        ("kubernetes", {"kubeconfig": "users: [{name: u, user: {exec: {}}}]"}, "#/kubeconfig/users/0/user/exec"),
        ("envoy-fleet", {"url": "http://10.0.0.1"}, "#/url"),
        ("acme", {"url": "http://192.168.0.1"}, "#/url"),
        ("acme", {"login": {"passwort": "x"}}, "#/login"),
        ("acme", {"more": 5}, "#/more"),
    ],
)
def test_settings_that_break_a_rule_are_refused_with_a_pointer(kind: str, settings: Any, pointer: str) -> None:
    """Of our kinds and of others: unknown fields, exclusive pairs, URLs that lead inside, dangerous kubeconfigs."""
    answer = connection_rules.problems(kind, settings, connection_rules.SCHEMAS.get(kind, SCHEMA), RULES)
    assert pointer in [one.pointer for one in answer]


@pytest.mark.parametrize("kind", sorted(connections.SETTINGS_TYPES))
def test_the_default_settings_of_each_kind_stand(kind: str) -> None:
    """A document of the first version, which says nothing, means them."""
    assert connection_rules.problems(kind, {}, connection_rules.SCHEMAS[kind], RULES) == []


def test_a_schema_is_never_fetched() -> None:
    """One that refers to somewhere else is refused, without a request."""
    with pytest.raises(json_schemas.InvalidSchema):
        json_schemas.problems({"a": 1}, {"$ref": "http://127.0.0.1:1/x"})
    with pytest.raises(json_schemas.InvalidSchema):
        json_schemas.problems({"a": 1}, {"type": 5})


def test_a_complaint_never_reports_the_value() -> None:
    """It may be a credential in the wrong place."""
    for value in ({"url": ["s3cret"]}, {"login": "s3cret"}, {"login": {"user": 5, "s3": "s3cret"}}):
        assert "s3cret" not in str(json_schemas.problems(value, SCHEMA))
