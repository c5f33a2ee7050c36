"""The guard of user-given URLs: every known disguise of an inner address, and a resolver that changes its mind."""

import ipaddress

import pytest

from meshwright.core.security import ssrf

NOTHING = ssrf.policy("")
PUBLIC = "93.184.216.34"

FORBIDDEN = [
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com:70/_x",
    "//example.com/",
    "example.com",
    "",
    "http://",
    "http:///path",
    "http://example.com:0/",
    "http://example.com:/",
    "http://example.com:70000/",
    "http://example.com:22/",
    "http://example.com:25/",
    "http://example.com:6379/",
    "http://user:password@example.com/",
    "http://example.com@127.0.0.1/",
    "http://127.0.0.1\\@example.com/",
    "http://example.com\t/",
    "http://exa mple.com/",
    "http://example.com/\r\nHost: inner",
    "http://localhost/",
    "http://LOCALHOST./",
    "http://x.localhost/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://printer.local/",
    "http://127.0.0.1/",
    "http://127.255.0.9:8080/",
    "http://0.0.0.0/",
    "http://0.1.2.3/",
    "http://10.1.2.3/",
    "http://172.16.0.1/",
    "http://172.31.255.254/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://100.64.0.1/",
    "http://100.100.100.200/",
    "http://168.63.129.16/",
    "http://192.0.0.1/",
    "http://198.18.0.1/",
    "http://203.0.113.7/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://127.1/",
    "http://127.0.1/",
    "http://127.0.0.01/",
    "http://127.0.0.1.:80/",
    "http://①②⑦.0.0.1/",
    "http://127。0。0。1/",
    "http://exämple.com/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fd00:ec2::254]/",
    "http://[ff02::1]/",
    "http://[2001:db8::1]/",
    "http://[::1/",
]
GOOD = {
    "http://example.com": ("example.com", "http://93.184.216.34:80/"),
    "https://Hooks.Example.com/a?b=c": ("hooks.example.com", "https://93.184.216.34:443/a?b=c"),
    "https://example.com:8443/x#fragment": ("example.com:8443", "https://93.184.216.34:8443/x"),
    "https://xn--exmple-cua.com/": ("xn--exmple-cua.com", "https://93.184.216.34:443/"),
    f"http://{PUBLIC}:8080/": (f"{PUBLIC}:8080", f"http://{PUBLIC}:8080/"),
    "http://[2606:2800:220:1::1]/": ("[2606:2800:220:1::1]", "http://[2606:2800:220:1::1]:80/"),
}


class Resolver:
    """Answers each question with the next of its answers, the last one for ever; counts the questions."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


@pytest.mark.parametrize("url", FORBIDDEN)
def test_a_disguised_inner_address_is_refused(url: str) -> None:
    """Each form is refused from its text alone, before any name is resolved or anything is called."""
    with pytest.raises(ssrf.Forbidden):
        ssrf.parse(url, NOTHING)


@pytest.mark.parametrize("url", GOOD)
async def test_a_public_url_is_called_at_an_address_that_was_checked(url: str) -> None:
    """The connection goes to the address itself, while the Host header keeps the name."""
    target = ssrf.parse(url, NOTHING)
    addresses = await ssrf.admit(target, NOTHING, Resolver([PUBLIC]))
    assert (target.authority, target.at(addresses[0])) == GOOD[url]


@pytest.mark.parametrize("inner", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fe80::1%e"])
@pytest.mark.parametrize("beside", [[], [PUBLIC]])
async def test_a_name_with_one_inner_address_is_refused(inner: str, beside: list[str]) -> None:
    """Every address of a name is checked, not only the first."""
    target = ssrf.parse("https://rebinding.example/", NOTHING)
    with pytest.raises(ssrf.Forbidden):
        await ssrf.admit(target, NOTHING, Resolver([*beside, inner]))


async def test_a_rebinding_resolver_is_asked_once_per_call() -> None:
    """A name that turns to an inner address after the check is called at the address of the check."""
    resolver = Resolver([PUBLIC], ["127.0.0.1"])
    target = ssrf.parse("https://rebinding.example/", NOTHING)
    addresses = await ssrf.admit(target, NOTHING, resolver)
    assert resolver.asked == 1
    assert target.at(addresses[0]) == f"https://{PUBLIC}:443/"
    with pytest.raises(ssrf.Forbidden):  # and the next call checks what the name has become
        await ssrf.admit(target, NOTHING, resolver)


async def test_what_an_operator_names_is_allowed() -> None:
    """Networks and hosts of the allow-list may be reached on any port; their neighbours may not."""
    allowed = ssrf.policy("127.0.0.0/8, fd00::/8, hooks.corp.internal,")
    for url in ("http://127.0.0.1:5000/", "http://[fd00::1]:9/", "http://hooks.corp.internal:99/"):
        assert await ssrf.admit(ssrf.parse(url, allowed), allowed, Resolver(["10.0.0.1"]))
    by_name = ssrf.parse("http://somewhere.example:5000/", allowed)
    assert await ssrf.admit(by_name, allowed, Resolver(["127.0.0.1"])) == [ipaddress.ip_address("127.0.0.1")]
    with pytest.raises(ssrf.Forbidden):
        await ssrf.admit(by_name, allowed, Resolver([PUBLIC]))  # not a usual port
    for url in ("http://10.0.0.1/", "http://localhost/", "http://other.corp.internal/", "http://2130706433/"):
        with pytest.raises(ssrf.Forbidden):
            ssrf.parse(url, allowed)


@pytest.mark.parametrize("text", ["127.0.0.1/99", "not a host", "127.1", "http://x"])
def test_an_allow_list_that_cannot_be_understood_is_reported(text: str) -> None:
    """A slip in the setting is an error at the start instead of a silent hole or wall."""
    with pytest.raises(ssrf.InvalidPolicy):
        ssrf.policy(text)
