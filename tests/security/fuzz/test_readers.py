"""Every parser of untrusted input, with hostile input: it returns a value, or raises the error it declares.

A quick part runs with all tests; `make fuzz MINUTES=10` continues, with other inputs each time. A defect is fixed with
a test of its own that states the right value.
"""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st

from meshwright.adapters.envoy.intents import translation
from meshwright.adapters.envoy.resources import compiler, names
from meshwright.adapters.envoy.state import identity, validation
from meshwright.adapters.envoy.state.desired import DesiredState, Member, Ports, apply_design
from meshwright.adapters.envoy.xds import protojson, wire
from meshwright.adapters.envoy.xds.encoding import Encoder
from meshwright.core import settings
from meshwright.core.bus import InvalidEnvelope, Received
from meshwright.core.bus import envelope as envelopes
from meshwright.core.security import sealing, ssrf, yaml_documents
from meshwright.core.store import InvalidCursor
from meshwright.core.store import paging as cursors
from meshwright.core.telemetry import tracing
from meshwright.schemas import catalog, strict, subjects
from meshwright.schemas.designs import Design
from meshwright.schemas.operations import OPERATION_TYPES
from meshwright.schemas.sealing import Sealed
from meshwright.schemas.workloads import WorkloadSpec
from meshwright.ui_api.cli.client import sse
from meshwright.ui_api.http import bodies, preconditions
from meshwright.ui_api.http.problems import Refusal
from meshwright.ui_api.live import frames
from meshwright.ui_api.reading import paging
from meshwright.ui_api.requests import accepting
from rig.inputs.fuzzing import SHARES, Target, altered, damaged, free, seconds, try_out

ROOT = Path(__file__).parents[3]
GOLDENS = {path.stem: path.read_bytes() for path in sorted((ROOT / "tests/contract/messages").glob("*.json"))}
DESIGNS = [
    {"id": "d", **one}
    for one in (
        {"intents": [{"intent": "mutual-tls", "mode": "strict"}]},
        {"intents": [{"intent": "traffic-split", "service": "reviews",
                      "backends": [{"version": "v1", "weight": 100}]}]},
        {"intents": [{"intent": "header-route", "service": "reviews", "version": "v2",
                      "header": {"name": "x-user", "regex": "^a.*$"}}]},
        {"intents": [{"intent": "timeout", "service": "reviews", "timeout": "1s"},
                     {"intent": "retry", "service": "cart", "attempts": 2, "per_try_timeout": "250ms"}]},
        {"intents": [{"intent": "fault-delay", "service": "cart", "delay": "2s", "percent": 10},
                     {"intent": "fault-abort", "service": "cart", "status": 503, "percent": 1.5}]},
        {"intents": [{"intent": "rate-limit", "service": "cart", "requests": 5, "per": "1s"},
                     {"intent": "circuit-breaker", "service": "cart", "max_connections": 1, "outlier_detection": {}}]},
        {"intents": [{"intent": "allow", "source": "cart", "service": "reviews"}, {"intent": "deny-all"}]},
        {"resources": [{"type": names.CLUSTER, "name": "c", "body": {"type": "STATIC", "connect_timeout": "1s"}}]},
        {"resources": [{"type": names.ROUTES, "name": "outbound", "body": {"virtual_hosts": [
            {"name": "v", "domains": ["v"], "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}]}
        ]}}]},
        {"workloads": [{"name": "w", "service": "s", "port": 80}]},
    )
]  # fmt: skip
BODIES = [{"type": "STATIC", "connect_timeout": "1s"}, {"virtual_hosts": [{"name": "v", "domains": ["v"]}]}]
URLS = [
    b"https://hooks.example.com/a?b=c", b"http://127.0.0.1/", b"http://[::1]:80/", b"http://0x7f.1/", b"http://2130706433",
    b"https://user@host", b"http://[::ffff:10.0.0.1]/", b"http://a.internal", b"https://xn--bcher-kva.example/",
]  # fmt: skip
SEALER = sealing.Sealer([b"k" * 32])
PAGES = paging.Tokens(b"k")
KINDS = [kind.kind.name for kind in OPERATION_TYPES]


PORTS = Ports(**{field: 15_000 + n for n, field in enumerate(Ports.__struct_fields__)})


def _state() -> DesiredState:
    members = {
        f"{service}-{version}": Member(
            spec=WorkloadSpec(name=f"{service}-{version}", service=service, version=version, port=9000 + at),
            ports=PORTS,
        )
        for at, (service, version) in enumerate((("reviews", "v1"), ("reviews", "v2"), ("cart", "v1")))
    }
    return DesiredState(workspace="w", mesh="m", connection="c", trust_domain="mesh.local", workloads=members)


STATE = _state()


def _decode(message: tuple[str, bytes]) -> None:
    result = catalog.decode(*message)
    if result is not None:
        assert catalog.decode(message[0], catalog.encode(result)) == result


def _altered_message(name: str) -> st.SearchStrategy[tuple[str, bytes]]:
    whole = altered(st.just(msgspec.json.decode(GOLDENS[name]))).map(_encoded)
    return st.tuples(st.just(name), whole | damaged([GOLDENS[name]]))


def _encoded(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (msgspec.MsgspecError, OverflowError, UnicodeEncodeError, ValueError):
        return b"{}"


def _envelope(headers: dict[str, str]) -> None:
    result = envelopes.read(headers)
    again = envelopes.read(envelopes.write(msgspec.structs.replace(result, time=result.time or "x")))
    assert (again.id, again.source) == (result.id, result.source)


def _event(received: tuple[str, dict[str, str], bytes]) -> None:
    subject, headers, payload = received
    result = frames.Kept(Received(stream="EVENTS", subject=subject, seq=1, time=1, headers=headers, payload=payload))
    lines = result.frame.split(b"\n")
    assert lines[0] == b"id: 1"
    assert lines[1].startswith(b"data: ")
    assert lines[2:] == [b"", b""]  # one line of data, whatever was sent
    msgspec.json.decode(lines[1][6:])


def _subject(tokens: dict[str, str]) -> None:
    subject = subjects.fill(subjects.EVENTS, **tokens)
    assert len(subject.split(".")) == 6
    parsed = subjects.parse(subjects.EVENTS, subject)
    assert all(parsed[name] == value for name, value in tokens.items())


def _yaml(text: bytes) -> None:
    result = yaml_documents.load(text)
    assert len(msgspec.json.encode(result)) < 1_000 * (len(text) + 100)


def _url(url: str) -> None:
    target = ssrf.parse(url, ssrf.Policy())
    assert target.scheme in ("http", "https")
    assert target.host
    assert not {"@", "/", "\\", " "} & set(target.host)


def _settings(values: dict[str, str]) -> None:
    settings.load(settings.Settings, {f"{settings.PREFIX}{name.upper()}": value for name, value in values.items()})


def _design(document: Any) -> None:
    design = strict.decode(document, Design)
    ports = {spec.name: PORTS for spec in design.workloads}
    state = apply_design(STATE, design, 1, ports)
    for intent in design.intents:
        translation.translate(intent, STATE)
    if validation.problems(state, design):
        return
    encoder, snapshot = Encoder(), compiler.compile_mesh(state)
    encoder.warm(snapshot)


def _headers_of(values: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, str]]:
    known = ["ce-id", "ce-source", "ce-type", "ce-subject", "ce-time", "CE-ID", "traceparent", "ce-traceparent", "ce-x"]
    full = st.fixed_dictionaries(dict.fromkeys(known[:3], values), optional=dict.fromkeys(known[3:], values))
    return full | st.dictionaries(st.sampled_from(known) | st.text(max_size=6), values, max_size=6)


TEXT = st.text(max_size=30) | st.sampled_from(
    ["%00", "%ff", "%", "%2", "00-" + "a" * 32 + "-" + "b" * 16 + "-01", "\r\n"]
)
TOKENS = st.sampled_from(["default", "*", ">", "a.b", "", " ", "-", "a" * 64, "a" * 65]) | st.text(max_size=8)
SUBJECT = st.lists(TOKENS, min_size=6, max_size=7).map(".".join)
TARGETS: dict[str, Target] = {
    "messages": Target(
        st.sampled_from(sorted(GOLDENS)).flatmap(_altered_message), _decode, (catalog.UndecodableMessage,)
    ),
    "messages of any type": Target(
        st.tuples(st.sampled_from(sorted(catalog.BY_NAME)), st.binary(max_size=200) | free.map(_encoded)),
        _decode,
        (catalog.UndecodableMessage,),
    ),
    "envelopes": Target(_headers_of(TEXT), _envelope, (InvalidEnvelope,)),
    "events on the stream": Target(
        st.tuples(SUBJECT, _headers_of(TEXT), st.binary(max_size=60) | damaged([b'{"a":1}', b'{"a":\n"\\r"}'])), _event
    ),
    "subjects": Target(
        st.fixed_dictionaries(dict.fromkeys(("workspace", "origin", "entity", "id"), TOKENS)), _subject, (ValueError,)
    ),
    "subjects of others": Target(SUBJECT, lambda text: subjects.parse(subjects.EVENTS, text)),
    "json": Target(damaged(list(GOLDENS.values())) | free.map(_encoded), bodies._json, (Refusal,)),
    "yaml": Target(
        damaged([b"a: &a [1, *a]\nb: !!str c\n", b"- {a: 'b', <<: *x}\n---\n", b'a: "\\ud800"\n? [b]\n: ~\n'],
                [b"&a ", b"*a", b"[", b"{", b"\n", b"  ", b": ", b"- ", b"!!", b"---\n", b"\xef\xbb\xbf"]),
        _yaml, (yaml_documents.InvalidYaml,),
    ),
    "urls": Target(damaged(URLS, [b"@", b"\\", b"%00", b"[", b"::", b"\t"]).map(lambda b: b.decode("latin-1")), _url,
                   (ssrf.Forbidden,)),
    "allow-lists": Target(st.text(max_size=30) | st.sampled_from(["10.0.0.0/8,a", "::/129", "1.2.3.4/"]), ssrf.policy,
                          (ssrf.InvalidPolicy,)),
    "settings": Target(
        st.dictionaries(st.sampled_from(settings.Settings.__struct_fields__), TEXT | st.sampled_from(["1", "-1", "nan",
                        "inf", "1e999", "true", "null", "[]"]), max_size=5), _settings, (settings.InvalidSettings,),
    ),
    "page tokens": Target(st.tuples(TEXT, TEXT), lambda pair: PAGES.read(*pair), (Refusal,)),
    "cursors": Target(
        st.tuples(TEXT | damaged([b"WyJhIiwxLCJiIl0"]).map(lambda b: b.decode("latin-1")), st.booleans()),
        lambda pair: cursors.after(pair[0], "id", pair[1]), (InvalidCursor,),
    ),
    "entity tags": Target(st.tuples(TEXT, TEXT, st.none() | st.integers(1, 9)),
                          lambda given: preconditions.for_write(*given), (Refusal,)),
    "idempotency keys": Target(TEXT, accepting.idempotency_key, (Refusal,)),
    "trace contexts": Target(TEXT, lambda text: tracing.continued(text).__enter__()),
    "sealed secrets": Target(
        st.builds(Sealed, key_id=st.sampled_from(["", SEALER.seal(b"x").key_id]), nonce=st.binary(max_size=20),
                  ciphertext=st.binary(max_size=40)),
        lambda sealed: SEALER.open(sealed, "a"), (sealing.CannotOpen,),
    ),
    "designs": Target(altered(st.sampled_from(DESIGNS)), _design, (strict.InvalidDocument, protojson.InvalidResource)),
    "native resources": Target(
        st.tuples(
            st.sampled_from(names.NATIVE_TYPES),
            altered(st.sampled_from(BODIES)).filter(lambda body: isinstance(body, dict)),
        ),
        lambda pair: protojson.encode(*pair), (protojson.InvalidResource,),
    ),
    "discovery requests": Target(
        damaged([wire.text(1, "v") + wire.field(2, wire.text(1, "w.m.a")) + wire.text(4, names.CLUSTER), b"\x08\x96"]),
        wire.read_request, (wire.Malformed,),
    ),
    "node ids": Target(TEXT, identity.parse, (ValueError,)),
    "frames": Target(st.lists(TEXT | st.sampled_from(["id: 1\n", "data: {}\n\n", "\n", "\r", ":"]), max_size=8),
                     lambda chunks: list(sse.frames(sse.lines(chunks)))),
}  # fmt: skip


@pytest.mark.parametrize("name", TARGETS)
def test_a_value_or_a_declared_error(name: str) -> None:
    """Whatever comes is read, or refused in the way that is declared, within a moment."""
    assert try_out(name, TARGETS[name], seconds()) >= 50


def test_every_wire_type_has_a_message_to_begin_with() -> None:
    """A new wire type is damaged like the others."""
    assert set(catalog.BY_NAME) <= set(GOLDENS)
    assert len(TARGETS) + 5 == SHARES
