"""What a control plane writes into its own webhooks, and is not to be taken from it.

Problem: a chart sets `failurePolicy: Ignore` until istiod is there, say; istiod then sets `Fail` and its certificate
authority. Applied again, the chart would fight with it. Invariant: a field of a webhook that somebody else wrote since
is left out of what is applied.
"""

import asyncio
import base64
import binascii
import datetime
import json
from collections.abc import Iterator
from typing import Any

from cryptography import x509

from meshwright.core.kit import kubernetes as k8s

GROUP = "admissionregistration.k8s.io"
_KINDS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
Body = dict[str, Any]


async def as_they_stand(cluster: k8s.Cluster, bodies: list[Body], manager: str) -> list[Body]:
    """The bodies, those of webhooks without what others have written into them. Raises KubernetesError."""
    return list(await asyncio.gather(*(_one(cluster, body, manager) for body in bodies)))


async def _one(cluster: k8s.Cluster, body: Body, manager: str) -> Body:
    if body.get("kind") not in _KINDS:
        return body
    live = await cluster.find(k8s.reference_of(body))
    return without_written(body, live, manager) if live else body


def last_end(bundle: str) -> datetime.datetime | None:
    """When the last certificate of a bundle ends; None where it cannot be read."""
    try:
        certificates = x509.load_pem_x509_certificates(base64.b64decode(bundle, validate=True))
    except (binascii.Error, ValueError):
        return None
    return max((each.not_valid_after_utc for each in certificates), default=None)


def without_written(body: Body, live: Body, manager: str) -> Body:
    """A configuration of webhooks without the fields that others than `manager` have written into the live one."""
    written = dict(_written(live, manager))
    webhooks = [_without(each, written.get(str(each.get("name")), set())) for each in body.get("webhooks") or []]
    return {**body, "webhooks": webhooks}


def _without(webhook: Body, fields: set[str]) -> Body:
    kept = {key: value for key, value in webhook.items() if key != "failurePolicy" or key not in fields}
    config = dict(kept.get("clientConfig") or {})
    if "caBundle" in fields:
        config.pop("caBundle", None)
    return {**kept, "clientConfig": config} if "clientConfig" in kept else kept


def _written(live: Body, manager: str) -> Iterator[tuple[str, set[str]]]:
    """Per webhook of a live configuration, which of its fields others have written."""
    written: dict[str, set[str]] = {}
    for entry in k8s.at(live, "metadata", "managedFields") or []:
        if entry.get("manager") == manager:
            continue
        for key, below in ((entry.get("fieldsV1") or {}).get("f:webhooks") or {}).items():
            if not key.startswith("k:"):
                continue
            fields = written.setdefault(str(json.loads(key[2:]).get("name")), set())
            if "f:failurePolicy" in below:
                fields.add("failurePolicy")
            if "f:caBundle" in (below.get("f:clientConfig") or {}):
                fields.add("caBundle")
    yield from written.items()
