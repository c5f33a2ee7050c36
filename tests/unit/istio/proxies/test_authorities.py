"""When the certificate authority of a control plane ends, as its istiods tell it, and what is to be done before."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.adapters.istio.proxies import authorities
from meshwright.adapters.istio.proxies.authorities import Authority
from meshwright.schemas.meshes import Condition

NOW = datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)
METRICS = b"""# HELP citadel_server_cert_chain_expiry_timestamp The unix timestamp, in seconds, when it will expire.
# TYPE citadel_server_cert_chain_expiry_timestamp gauge
citadel_server_cert_chain_expiry_timestamp %b
# TYPE citadel_server_root_cert_expiry_timestamp gauge
citadel_server_root_cert_expiry_timestamp %b
pilot_xds{version="1.30.3"} 4
"""


def ending(root: float, chain: float | None = None) -> Authority:
    """One whose certificates end in so many days."""
    until = [NOW + datetime.timedelta(days=each) for each in (root, root if chain is None else chain)]
    return Authority(root_until=until[0], chain_until=until[1])


def told(*known: Authority) -> Condition:
    """What is told of these."""
    (result,) = authorities.condition(known, NOW)
    return result


def test_both_ends_are_read_from_the_metrics_of_an_istiod() -> None:
    """They are written as istiod writes large numbers."""
    one = authorities.authority(METRICS % (b"1.8e+09", b"2.083329e+09"))
    assert one is not None
    assert (one.chain_until.year, one.root_until.year) == (2027, 2036)
    assert one.until == one.chain_until


@pytest.mark.parametrize(
    "metrics", [b"", b"<html>", METRICS % (b"-1", b"0"), METRICS % (b"NaN", b"+Inf"), METRICS % (b"1e300", b"x")]
)
def test_an_istiod_that_tells_nothing_readable_has_none(metrics: bytes) -> None:
    """As one that issues no certificates; nothing is told of it."""
    assert authorities.authority(metrics) is None
    assert authorities.condition([], NOW) == []


@given(st.binary(max_size=200))
def test_whatever_an_istiod_answers_ends_no_reading(noise: bytes) -> None:
    """And a line that can be read counts whatever stands around it."""
    one = authorities.authority(noise + b"\n" + METRICS % (b"1.8e+09", b"1.8e+09"))
    assert one is None or one.root_until.year == 2027


def test_an_authority_that_has_time_says_until_when() -> None:
    """Of an intermediate certificate too."""
    one = told(ending(3650))
    assert (one.type, one.status, one.message) == ("AuthorityValid", "True", "its root ends on 2036-11-25")
    assert "the certificate with which istiod issues on 2027-02-26" in told(ending(3650, 90)).message


def test_the_one_that_ends_first_counts() -> None:
    """Replicas may differ while a root is changed."""
    assert told(ending(3650), ending(20), ending(400)).reason == "ExpiresSoon"
    assert told(ending(3650), ending(-1)).reason == "Expired"


@pytest.mark.parametrize(
    ("one", "reason", "words"),
    [
        (ending(29), "ExpiresSoon", "istiod signed it for itself: restart istiod"),
        (ending(3650, 6), "ExpiresSoon", "put a new intermediate certificate into the secret cacerts"),
        (ending(20, 10), "ExpiresSoon", "put a new root into the secret cacerts"),
        (ending(3650, -1), "Expired", "put a new intermediate certificate into the secret cacerts"),
        (ending(-1), "Expired", "proxies whose certificate ends get no new one"),
    ],
)
def test_what_ends_soon_is_told_with_what_to_do(one: Authority, reason: str, words: str) -> None:
    """By whether istiod signed it for itself, or was given it."""
    result = told(one)
    assert (result.status, result.reason) == ("False", reason)
    assert words in result.message
