"""The accounts of a NATS server: one per component, with what each may publish, subscribe to and request.

Problem: within one account NATS checks what a client publishes, but not the reply subject it names: a client that may
look up its own message could have the server deliver it, with headers, as another client's token or command. And a
consumer may deliver to any subject. Invariant: the streams are in an account of their own, to which no component
belongs. A component sees of it only what is imported here; replies to its requests arrive in its own account, whatever
reply subject it names. The imports follow from the subject table, and the same list is the user's permissions, so a
forbidden request is refused with an error instead of getting lost.

The result is configuration of nats-server (https://docs.nats.io/running-a-nats-service/configuration/securing_nats).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from meshwright.schemas import subjects

STREAMS_ACCOUNT = "meshwright"
SYSTEM_ACCOUNT = "meshwright-system"
PROVISIONER, SYSTEM = "provisioner", "system"
"""the user that sets up the streams, and the user that monitors the server"""
JS_API = "$JS.API"
IMPORTED_JS_API = "mw.js"
"""the subject under which a component's account imports the JetStream API: the usual one is that of its own account"""


class Use(msgspec.Struct, frozen=True, order=True):
    """One subject that a component uses, in the account of the streams or of another component."""

    subject: str
    kind: str = "service"
    """`service`: the component sends requests or messages there, `stream`: it subscribes"""
    many: bool = False
    """a request has more than one answer"""
    owner: str = STREAMS_ACCOUNT

    @property
    def local(self) -> str:
        """The subject within the component's account."""
        if self.subject.startswith(JS_API):
            return IMPORTED_JS_API + self.subject.removeprefix(JS_API)
        return self.subject


def account(component: str) -> str:
    """The account of a component."""
    return f"{STREAMS_ACCOUNT}-{component}"


def uses(component: str, adapters: Iterable[str]) -> list[Use]:
    """All subjects that a component uses."""
    all_uses = {
        *_channels(component),
        *_buckets(component),
        *_queues(component),
        *_subscriptions(component, list(adapters)),
    }
    if component == subjects.API:
        asked = [(name, subjects.SERVICE.format(adapter=name, endpoint="*")) for name in adapters]
        all_uses |= {Use(subject, owner=account(subjects.ADAPTER.format(adapter=name))) for name, subject in asked}
    return sorted(all_uses)


def _channels(component: str) -> Iterator[Use]:
    role, adapter = _role(component)
    for channel in subjects.CHANNELS:
        for grant in channel.writes:
            if grant.component == role:
                yield Use(_filled(channel, grant, adapter))
        if role in (*channel.looks, *channel.follows):
            yield from _looking(channel.stream)
        if role in channel.follows:
            yield from _following(channel.stream)
    if role == subjects.API:  # $JS.API.STREAM.INFO, which reports the size of each stream
        for stream in (subjects.ADVISORIES, subjects.CONNECTIONS.stream, subjects.SEEN.stream):
            yield Use(f"{JS_API}.STREAM.INFO.{stream}")


def _buckets(component: str) -> Iterator[Use]:
    role, adapter = _role(component)
    for bucket in subjects.BUCKETS:
        name = bucket.name.format(adapter=adapter)
        stream = bucket.stream.format(adapter=adapter)
        keys = [key.format(adapter=adapter) for writer, key in bucket.writes if writer == role]
        yield from (Use(f"$KV.{name}.{key}") for key in keys)
        if keys or role in bucket.reads:
            yield from _looking(stream)


def _subscriptions(component: str, adapters: Sequence[str]) -> Iterator[Use]:
    """What a component subscribes to: each message is published in the account of its writer, which is not that of the
    stream.

    Adapters do not receive each other's messages. What the owner of the streams publishes there is received too.
    """
    role, adapter = _role(component)
    for channel in subjects.CHANNELS:
        for grant in (grant for grant in channel.hears if grant.component == role):
            yield Use(_filled(channel, grant, adapter), "stream")
            for published in channel.writes:
                for writer, its_adapter in _instances(published.component, adapters):
                    tokens = {name: token.format(adapter=its_adapter) for name, token in published.tokens.items()}
                    both = grant.tokens | tokens
                    agree = both == tokens | grant.tokens
                    if agree and writer != component and not (adapter and its_adapter):
                        yield Use(subjects.fill(channel, **both), "stream", owner=account(writer))
    for bucket in subjects.BUCKETS:
        writes = any(writer == role for writer, _ in bucket.writes)
        if writes or role in bucket.reads:
            yield Use(f"$KV.{bucket.name.format(adapter=adapter)}.>", "stream")
        for writer_role, key in bucket.writes if role in bucket.reads else ():
            for writer, its_adapter in _instances(writer_role, adapters):
                name = bucket.name.format(adapter=its_adapter)
                yield Use(f"$KV.{name}.{key.format(adapter=its_adapter)}", "stream", owner=account(writer))


def _instances(role: str, adapters: Sequence[str]) -> list[tuple[str, str]]:
    """The components that have a role, each with its adapter's name."""
    if role != subjects.ADAPTER:
        return [(role, "")]
    return [(role.format(adapter=name), name) for name in adapters]


def _queues(component: str) -> Iterator[Use]:
    role, adapter = _role(component)
    for queue in subjects.QUEUES:
        if queue.component == role:
            name, chosen = queue.name.format(adapter=adapter), queue.filter.format(adapter=adapter)
            # The server requires the request to match the name and the filter in its subject.
            yield Use(f"{JS_API}.CONSUMER.CREATE.{queue.stream}.{name}.{chosen}")
            yield Use(f"{JS_API}.CONSUMER.MSG.NEXT.{queue.stream}.{name}", many=True)
            yield Use(f"$JS.ACK.{queue.stream}.{name}.>")
            yield Use(f"$JS.ACK.*.*.{queue.stream}.{name}.>")  # the newer form: domain and account come first


def _looking(stream: str) -> Iterator[Use]:
    yield Use(f"{JS_API}.STREAM.INFO.{stream}")
    yield Use(f"{JS_API}.DIRECT.GET.{stream}", many=True)
    yield Use(f"{JS_API}.DIRECT.GET.{stream}.>")


def _following(stream: str) -> Iterator[Use]:
    yield Use(f"{JS_API}.CONSUMER.CREATE.{stream}.>")
    yield Use(f"{JS_API}.CONSUMER.DELETE.{stream}.*")
    yield Use(f"{JS_API}.CONSUMER.MSG.NEXT.{stream}.*", many=True)


def _filled(channel: subjects.Channel, grant: subjects.Grant, adapter: str) -> str:
    if not grant.tokens:
        return channel.wildcard
    return subjects.fill(channel, **{name: token.format(adapter=adapter) for name, token in grant.tokens.items()})


def _role(component: str) -> tuple[str, str]:
    """The role of a component in the subject table, and the adapter's name if it is one."""
    if component in subjects.COMPONENTS:
        return component, ""
    return subjects.ADAPTER, adapter_of(component)


def adapter_of(component: str) -> str:
    """The adapter's name of a component that is an adapter's workers; empty for the others."""
    name = component.removeprefix(subjects.ADAPTER.format(adapter=""))
    return name if name != component else ""


def configuration(keys: Mapping[str, str], *, more_users: str = "") -> str:
    """The accounts, for these components and their public keys. `more_users` are in the account of the streams."""
    components = [name for name in keys if name not in (PROVISIONER, SYSTEM)]
    adapters = [name for name in map(adapter_of, components) if name]
    used = {component: uses(component, adapters) for component in components}
    text = [
        "# Written by Meshwright from its subject table; changes are overwritten. It holds public keys, no secrets.",
        f"system_account: {json.dumps(SYSTEM_ACCOUNT)}",
        "accounts {",
        f"{json.dumps(SYSTEM_ACCOUNT)} {{ users: [{_user(keys.get(SYSTEM))}] }}",
        f"{json.dumps(STREAMS_ACCOUNT)} {{",
        "  jetstream: enabled",
        f"  users: [{', '.join(filter(None, [_user(keys.get(PROVISIONER)), more_users]))}]",
        *_exports(STREAMS_ACCOUNT, used),
        "}",
    ]
    for component, component_uses in used.items():
        text += [
            f"{json.dumps(account(component))} {{",
            f"  users: [{_user(keys[component], _permissions(component, component_uses))}]",
            *_exports(account(component), used),
            "  imports: [",
            *(f"    {_import(use)}" for use in component_uses),
            "  ]",
            "}",
        ]
    return "\n".join([*text, "}", ""])


def _user(key: str | None, permissions: str = "") -> str:
    return f"{{nkey: {key}{permissions}}}" if key else ""


def _permissions(component: str, used: Iterable[Use]) -> str:
    publish = [use.local for use in used if use.kind == "service"]
    subscribe = ["_INBOX.>", *(use.local for use in used if use.kind == "stream")]
    if adapter := adapter_of(component):
        publish.append("_R_.>")  # reply subjects of requests from another account
        subscribe += ["$SRV.>", subjects.SERVICE.format(adapter=adapter, endpoint="*")]
    if component == subjects.OBSERVER:  # "allow" written in short form
        subscribe += [f"{channel.address.partition('{')[0]}>" for channel in _observed()]
    # An empty list would allow everything.
    sending = f"{{allow: {json.dumps(publish)}}}" if publish else '{deny: ">"}'
    return f", permissions: {{publish: {sending}, subscribe: {{allow: {json.dumps(subscribe)}}}}}"


def _observed() -> list[subjects.Channel]:
    return [one for one in subjects.CHANNELS if any(grant.component == subjects.OBSERVER for grant in one.hears)]


def _exports(owner: str, used: Mapping[str, list[Use]]) -> list[str]:
    importers: dict[Use, list[str]] = {}
    for component, component_uses in used.items():
        for use in component_uses:
            if use.owner == owner:
                importers.setdefault(use, []).append(account(component))
    lines = []
    for use, accounts in sorted(importers.items()):
        answers = ", response_type: stream" if use.many else ""
        lines.append(f"    {{{use.kind}: {json.dumps(use.subject)}{answers}, accounts: {json.dumps(accounts)}}}")
    return ["  exports: [", *lines, "  ]"] if lines else []


def _import(use: Use) -> str:
    source = f"account: {json.dumps(use.owner)}, subject: {json.dumps(use.subject)}"
    to = f", to: {json.dumps(use.local)}" if use.local != use.subject else ""
    return f"{{{use.kind}: {{{source}}}{to}}}"
