"""One call: where it goes, what it carries, what comes of each answer."""

import base64
import datetime
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from meshwright.core import bus
from meshwright.core.bus import envelope
from meshwright.core.security import sealing, signatures, ssrf
from meshwright.schemas.webhooks import Webhook, WebhookWritten
from meshwright.workers.notifier import cloud_events
from meshwright.workers.notifier.posting import Outcome, Poster
from rig.stack.receiving import Receiver, receiving

NOW = datetime.datetime.now(datetime.UTC)


def event(payload: bytes = b'{"a": 1}') -> bus.Received:
    return bus.Received(
        stream="EVENTS",
        subject="mw.evt.w.envoy.operation.x",
        seq=7,
        time=0,
        headers=envelope.write(
            bus.Envelope(id="i d", source="meshwright/é", type="dev.x.v1", extensions={"severity": "high"})
        ),
        payload=payload,
    )


class Caller:
    """A poster with a resolver of the test's own."""

    def __init__(self, folder: Path, allow: str = "127.0.0.0/8", timeout: float = 5) -> None:
        self.sealer = sealing.from_file(folder / "keys")
        self.answers: list[list[str]] = [["127.0.0.1"]]
        self.asked = 0
        self._poster = Poster(self.sealer, ssrf.policy(allow), self.resolve, timeout)

    async def resolve(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]

    async def call(self, url: str, attempt: int = 1, webhook: str = "ops") -> Outcome:
        secret = signatures.seal(self.sealer, b"s" * 32, "w", "ops")
        document = Webhook(id=webhook, url=url)
        written = WebhookWritten(document=document, secret=secret, created_at=NOW, since=0, as_of=0, principal="ann")
        async with self._poster.client() as client:
            return await self._poster.post(client, "w", written, event(), attempt)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as result:
        yield result


async def test_a_name_is_called_at_its_address_under_its_name(tmp_path: Path, receiver: Receiver) -> None:
    """The connection goes to the checked address, the Host header keeps the name, the signature is right."""
    outcome = await Caller(tmp_path).call(f"http://hooks.example:{receiver.port}/a?b=c")
    assert outcome == Outcome(status=204)
    (call,) = receiver.calls
    assert (call.path, call.headers["host"]) == ("/a?b=c", f"hooks.example:{receiver.port}")
    assert call.signed_by("whsec_" + base64.b64encode(b"s" * 32).decode())


def certified(folder: Path, name: str) -> ssl.SSLContext:
    """A server's side of TLS with a certificate of its own for this name, in `folder/<name>.pem`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(NOW - datetime.timedelta(days=1))
        .not_valid_after(NOW + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem = folder / f"{name}.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


async def test_tls_proves_the_name_and_not_the_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over HTTPS the name is asked for (SNI) and must stand in the certificate, although the address is called."""
    tls = certified(tmp_path, "hooks.example")
    asked: list[str | None] = []
    tls.sni_callback = lambda connection, name, context: asked.append(name)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "hooks.example.pem"))
    async with receiving(tls=tls) as receiver:
        assert (await Caller(tmp_path).call(f"https://hooks.example:{receiver.port}/")).delivered
        refused = await Caller(tmp_path).call(f"https://other.example:{receiver.port}/")
        assert "CERTIFICATE_VERIFY_FAILED" in refused.detail
    assert asked == ["hooks.example", "other.example"]
    assert len(receiver.calls) == 1


async def test_a_name_that_turns_inwards_is_never_connected(tmp_path: Path, receiver: Receiver) -> None:
    """A resolver that first tells a good address and then an inner one reaches nothing but the good one."""
    caller = Caller(tmp_path, allow="127.0.0.2/32")
    caller.answers = [["127.0.0.2"], ["127.0.0.1"], ["127.0.0.2", "127.0.0.1"]]
    url = f"http://rebinding.example:{receiver.port}/"
    assert "ConnectError" in (await caller.call(url)).detail  # nobody listens at the good one
    for _ in range(2):
        assert "not a public address" in (await caller.call(url)).detail
    assert caller.asked == 3
    assert receiver.calls == []


async def test_each_try_takes_the_next_address(tmp_path: Path, receiver: Receiver) -> None:
    """A name with a dead address and a live one is reached by the second try."""
    caller = Caller(tmp_path)
    caller.answers = [["127.0.0.2", "127.0.0.1"]]
    url = f"http://two.example:{receiver.port}/"
    assert (await caller.call(url, attempt=1)).status is None
    assert (await caller.call(url, attempt=2)).delivered


async def test_a_proxy_of_the_environment_is_not_used(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would resolve the name itself, past the guard."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert (await Caller(tmp_path).call(receiver.url)).delivered


@pytest.mark.parametrize(
    ("status", "headers", "retry_after"),
    [
        (500, {"Retry-After": "9"}, 0),
        (429, {"Retry-After": "9"}, 9),
        (503, {"Retry-After": "soon"}, 0),
        (503, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        (429, {}, 0),
        (307, {"Location": "http://127.0.0.1:1/"}, 0),
    ],
)
async def test_what_an_answer_means(
    tmp_path: Path, receiver: Receiver, status: int, headers: dict[str, str], retry_after: float
) -> None:
    """Anything but 2xx is to be tried again, once, after the time that was asked for; no redirect is followed."""
    receiver.answer = lambda call: (status, headers)
    outcome = await Caller(tmp_path).call(receiver.url)
    assert (outcome.status, outcome.delivered, outcome.gone, outcome.retry_after) == (status, False, False, retry_after)
    assert str(status) in outcome.detail
    assert len(receiver.calls) == 1


async def test_retry_after_may_be_a_date(tmp_path: Path, receiver: Receiver) -> None:
    """RFC 9110 allows both forms."""
    later = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    receiver.answer = lambda call: (503, {"Retry-After": later})
    assert 3500 < (await Caller(tmp_path).call(receiver.url)).retry_after <= 3600


async def test_silence_ends_in_time(tmp_path: Path, receiver: Receiver) -> None:
    """An endpoint that never answers is given up within the time-out."""
    receiver.hang = True
    assert await Caller(tmp_path, timeout=0.3).call(receiver.url) == Outcome(detail="no response within 0.3 s")


async def test_a_secret_of_another_webhook_is_not_used(tmp_path: Path, receiver: Receiver) -> None:
    """A sealed secret that was copied to another webhook signs nothing."""
    assert "another resource" in (await Caller(tmp_path).call(receiver.url, webhook="other")).detail
    assert receiver.calls == []


def test_the_body_is_a_whole_cloud_event() -> None:
    """Attributes are decoded, extensions kept, JSON stands as it is and bytes as base64."""
    result = httpx.Response(200, content=cloud_events.structured(event())).json()
    assert result["data"] == {"a": 1}
    assert (result["id"], result["source"], result["severity"]) == ("i d", "meshwright/é", "high")
    assert (result["sequence"], result["entityid"], result["datacontenttype"]) == ("7", "x", "application/json")
    raw = httpx.Response(200, content=cloud_events.structured(event(b"\xff"))).json()
    assert base64.b64decode(raw["data_base64"]) == b"\xff"
    assert "data" not in raw
