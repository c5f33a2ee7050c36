"""Authentication between the control plane and its proxies: mutual TLS under a separate authority.

Problem: the discovery service sends private keys, so both sides must authenticate before the first byte. Invariant: a
proxy's certificate names its node and its mesh's incarnation, and only that certificate identifies the peer of a
stream. Its key is in a file in the sidecar's own folder, which Envoy watches: replacing the file renews it, also for a
sidecar whose certificate has expired meanwhile.
"""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import grpc
import msgspec

from meshwright.adapters.envoy.pki.issuing import Authority, Issued, Issuer
from meshwright.adapters.envoy.resources import names, parts
from meshwright.adapters.envoy.state import identity
from meshwright.adapters.envoy.state.identity import Holder

LIFE = datetime.timedelta(hours=24)
SERVER_LIFE = datetime.timedelta(days=3650)
"""that of the authority: the key never leaves the memory of the process, which creates a new one when it starts"""

_IDENTITY, _AUTHORITY = "control-plane-identity", "control-plane-authority"


class Credentials:
    """Issues the certificates of both sides."""

    def __init__(self, authority: Authority) -> None:
        self._issuer = Issuer(authority)

    def server(self, now: datetime.datetime) -> grpc.ServerCredentials:
        """The server credentials of the discovery service: clients without a certificate of this authority are
        refused.
        """
        issued = self._issuer.issue_server(identity.CONTROL_PLANE, now, SERVER_LIFE)
        pair = (issued.key.encode(), issued.chain.encode())
        return grpc.ssl_server_credentials([pair], self._issuer.trust_bundle.encode(), require_client_auth=True)

    def issue(self, holder: Holder, now: datetime.datetime) -> Issued:
        """A client certificate for the discovery service."""
        return self._issuer.issue(identity.uri(holder), now, LIFE)

    def files(self, holder: Holder, now: datetime.datetime) -> dict[str, bytes]:
        """The files beside a sidecar's bootstrap, by name: its key and certificate, and the trusted authority."""
        issued = self.issue(holder, now)
        pair = {"certificate_chain": parts.inline(issued.chain), "private_key": parts.inline(issued.key)}
        trusted = {"trusted_ca": parts.inline(self._issuer.trust_bundle)}
        return {
            f"{_IDENTITY}.json": _secret(_IDENTITY, tls_certificate=pair),
            f"{_AUTHORITY}.json": _secret(_AUTHORITY, validation_context=trusted),
        }


def read(files: Mapping[str, bytes]) -> tuple[bytes, bytes, bytes]:
    """Key, certificate chain and trusted authority out of a sidecar's files, as PEM."""
    pair = msgspec.json.decode(files[f"{_IDENTITY}.json"])["resources"][0]["tls_certificate"]
    trusted = msgspec.json.decode(files[f"{_AUTHORITY}.json"])["resources"][0]["validation_context"]["trusted_ca"]
    texts = (pair["private_key"], pair["certificate_chain"], trusted)
    key, chain, authority = (each["inline_string"].encode() for each in texts)
    return key, chain, authority


def transport() -> dict[str, Any]:
    """The TLS settings of a sidecar's bootstrap for the discovery service with those files."""
    expected = {"san_type": "DNS", "matcher": {"exact": identity.CONTROL_PLANE}}
    context = parts.typed(
        "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        sni=identity.CONTROL_PLANE,
        common_tls_context={
            "tls_params": parts.tls_1_3(),
            "alpn_protocols": ["h2"],
            "tls_certificate_sds_secret_configs": [_file(_IDENTITY)],
            "combined_validation_context": {
                "default_validation_context": {"match_typed_subject_alt_names": [expected]},
                "validation_context_sds_secret_config": _file(_AUTHORITY),
            },
        },
    )
    return {"name": "envoy.transport_sockets.tls", "typed_config": context}


def holders(context: Mapping[str, Sequence[bytes]]) -> list[Holder]:
    """The identities in the peer certificate of a connection; empty when there is none."""
    return [holder for each in context.get("peer_uri", ()) if (holder := identity.read_uri(each.decode())) is not None]


def _file(name: str) -> dict[str, Any]:
    # Envoy runs in its own folder; a bare file name would not be watched
    return {"name": name, "sds_config": {"path_config_source": {"path": f"./{name}.json"}}}


def _secret(name: str, **body: Any) -> bytes:
    return msgspec.json.encode({"resources": [{"@type": names.SECRET, "name": name, **body}]})
