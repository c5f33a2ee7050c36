"""What an Envoy tells of itself at its admin interface: its certificates, and the configuration that it runs with.

Problem: a control plane knows what it sent; what a proxy made of it only the proxy knows. Envoy tells when a
certificate ends, and not who issued it, which stands in the certificate itself. Invariant: private keys are never read
(Envoy leaves them out); of a configuration only names, versions and times are kept, however large it is.

Fields: https://www.envoyproxy.io/docs/envoy/latest/api-v3/admin/v3/admin.proto
"""

import asyncio
import base64
import binascii
import datetime
from collections.abc import Awaitable, Callable, Iterator

import msgspec
from cryptography import x509

from meshwright.core.operations.outcomes import Retry
from meshwright.schemas.errors import Failure
from meshwright.schemas.workloads import MOST_NAMES, ProxyAccount, ProxyCertificate, ProxyResources

Get = Callable[[str], Awaitable[bytes]]
_MOST_PROBLEMS = 20
_TYPES = {
    "ClustersConfigDump": "Cluster",
    "ListenersConfigDump": "Listener",
    "RoutesConfigDump": "RouteConfiguration",
    "EndpointsConfigDump": "ClusterLoadAssignment",
    "SecretsConfigDump": "Secret",
}


class _Named(msgspec.Struct, frozen=True):
    name: str = ""
    cluster_name: str = ""


class _Bytes(msgspec.Struct, frozen=True):
    inline_bytes: str = ""
    inline_string: str = ""

    @property
    def pem(self) -> bytes:
        return base64.b64decode(self.inline_bytes) if self.inline_bytes else self.inline_string.encode()


class _Pair(msgspec.Struct, frozen=True):
    certificate_chain: _Bytes = _Bytes()


class _Validation(msgspec.Struct, frozen=True):
    trusted_ca: _Bytes = _Bytes()


class _Secret(msgspec.Struct, frozen=True):
    name: str = ""
    tls_certificate: _Pair = _Pair()
    validation_context: _Validation = _Validation()


class _State(msgspec.Struct, frozen=True):
    version_info: str = ""
    last_updated: datetime.datetime | None = None


class _Refused(msgspec.Struct, frozen=True):
    details: str = ""


class _Entry(msgspec.Struct, frozen=True):
    """One resource, static or received, of any of the types."""

    name: str = ""
    version_info: str = ""
    last_updated: datetime.datetime | None = None
    cluster: _Named = _Named()
    listener: _Named = _Named()
    route_config: _Named = _Named()
    endpoint_config: _Named = _Named()
    secret: _Secret = _Secret()
    active_state: _State = _State()
    error_state: _Refused = _Refused()

    @property
    def title(self) -> str:
        """Its name, wherever its type has it."""
        places = (self.cluster, self.listener, self.route_config)
        found = next((each.name for each in places if each.name), "")
        return self.name or found or self.endpoint_config.cluster_name or self.secret.name

    @property
    def version(self) -> str:
        """As its control plane named it."""
        return self.version_info or self.active_state.version_info

    @property
    def updated(self) -> datetime.datetime | None:
        """When it changed."""
        return self.last_updated or self.active_state.last_updated


class _Config(msgspec.Struct, frozen=True):
    """The resources of one type. Which of the fields there are depends on it."""

    type: str = msgspec.field(name="@type", default="")
    version_info: str = ""
    static_clusters: list[_Entry] = []
    dynamic_active_clusters: list[_Entry] = []
    static_listeners: list[_Entry] = []
    dynamic_listeners: list[_Entry] = []
    static_route_configs: list[_Entry] = []
    dynamic_route_configs: list[_Entry] = []
    static_endpoint_configs: list[_Entry] = []
    dynamic_endpoint_configs: list[_Entry] = []
    static_secrets: list[_Entry] = []
    dynamic_active_secrets: list[_Entry] = []

    @property
    def entries(self) -> Iterator[_Entry]:
        """All of them."""
        for field in self.__struct_fields__[2:]:
            yield from getattr(self, field)


class _Dump(msgspec.Struct, frozen=True):
    configs: list[_Config] = []


class _San(msgspec.Struct, frozen=True):
    uri: str = ""
    dns: str = ""
    ip_address: str = ""


class _Detail(msgspec.Struct, frozen=True):
    serial_number: str = ""
    subject_alt_names: list[_San] = []
    valid_from: datetime.datetime | None = None
    expiration_time: datetime.datetime | None = None


class _Certificates(msgspec.Struct, frozen=True):
    ca_cert: list[_Detail] = []
    cert_chain: list[_Detail] = []


class _InUse(msgspec.Struct, frozen=True):
    certificates: list[_Certificates] = []


class _Known(msgspec.Struct, frozen=True):
    """A certificate that came in a secret."""

    secret: str
    subject: str
    issuer: str


async def account(get: Get) -> ProxyAccount:
    """What the Envoy tells whose admin interface answers to `get`, by path. Raises Retry when it is not an Envoy."""
    certificates, dump = await get("/certs"), await get("/config_dump?include_eds")
    try:
        return await asyncio.to_thread(_account, certificates, dump)
    except msgspec.MsgspecError as error:
        what = f"the proxy's admin interface answers in a form that is not Envoy's: {error}"
        raise Retry(5.0, Failure(code="MW1029", what=what, retryable=True)) from error


def _account(certificates: bytes, dump: bytes) -> ProxyAccount:
    configs = msgspec.json.decode(dump, type=_Dump).configs
    known = dict(_known(configs))
    in_use = msgspec.json.decode(certificates, type=_InUse).certificates
    held: dict[tuple[str, str], ProxyCertificate] = {}
    for each in in_use:
        for detail in each.cert_chain[:1]:
            held.setdefault(("own", detail.serial_number), _certificate(detail, known, own=True))
        for detail in each.ca_cert:
            held.setdefault(("root", detail.serial_number), _certificate(detail, known, own=False))
    resources = [_resources(_TYPES[kind], each) for each in configs if (kind := each.type.rpartition(".")[2]) in _TYPES]
    return ProxyAccount(
        certificates=[held[key] for key in sorted(held)],
        resources=sorted(resources, key=lambda each: each.type),
    )


def _resources(kind: str, config: _Config) -> ProxyResources:
    entries = list(config.entries)
    names = sorted(each.title for each in entries if each.title)
    refused = [f"{each.title}: {each.error_state.details}" for each in entries if each.error_state.details]
    updated = [each.updated for each in entries if each.updated]
    newest = max(entries, key=lambda each: each.updated or datetime.datetime.min.replace(tzinfo=datetime.UTC),
                 default=_Entry())  # fmt: skip
    return ProxyResources(
        type=kind,
        count=len(entries),
        version=config.version_info or newest.version,
        updated_at=max(updated, default=None),
        names=names[:MOST_NAMES],
        problems=[each[:2000] for each in refused[:_MOST_PROBLEMS]],
    )


def _known(configs: list[_Config]) -> Iterator[tuple[int, _Known]]:
    """The certificates that came in secrets, by serial."""
    for config in configs:
        for entry in (*config.static_secrets, *config.dynamic_active_secrets):
            secret = entry.secret
            for part in (secret.tls_certificate.certificate_chain, secret.validation_context.trusted_ca):
                for each in _parsed(part):
                    known = _Known(entry.title, each.subject.rfc4514_string(), each.issuer.rfc4514_string())
                    yield each.serial_number, known


def _parsed(part: _Bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(part.pem) if part.pem else []
    except (ValueError, binascii.Error):
        return []


def _certificate(detail: _Detail, known: dict[int, _Known], *, own: bool) -> ProxyCertificate:
    serial = detail.serial_number
    found = known.get(int(serial, 16)) if serial else None
    return ProxyCertificate(
        role="own" if own else "root",
        name=found.secret if found else "",
        names=[each.uri or each.dns or each.ip_address for each in detail.subject_alt_names],
        subject=found.subject if found else "",
        issuer=found.issuer if found else "",
        serial=serial,
        not_before=detail.valid_from,
        not_after=detail.expiration_time,
    )
