"""Converting an object of a cluster to the message that is published about it.

Invariant: the message fits on the bus and contains no secret, whatever the object is.
"""

import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from meshwright.core import redacting
from meshwright.schemas.discovery import LARGEST_BODY, ClusterResource, Owner, resource_id
from meshwright.workers.discovery import trimming

if TYPE_CHECKING:
    from meshwright.core.kit.kubernetes import Item

POLICY = "1"
"""Increased whenever the published form of an object changes: unchanged objects are then published again."""
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_MOST_LABELS = 200


def resource(connection: str, item: "Item", now: datetime.datetime) -> ClusterResource:
    """The published form of an object."""
    body, ref = item.body, item.ref
    metadata = body.get("metadata")
    metadata = body["metadata"] = metadata if isinstance(metadata, dict) else {}
    metadata.pop("managedFields", None)
    if isinstance(annotations := metadata.get("annotations"), dict):
        annotations.pop(_LAST_APPLIED, None)
    labels = {key: str(value) for key, value in (metadata.get("labels") or {}).items()}
    owner, created = _owner(metadata), _moment(metadata.get("creationTimestamp"))
    redacted = redacting.redact(body)
    trimmed = trimming.trim(body, LARGEST_BODY)
    if len(labels) > _MOST_LABELS:
        labels = dict(sorted(labels.items())[:_MOST_LABELS])
        trimmed = sorted({*trimmed, "/metadata/labels"})
    return ClusterResource(
        id=resource_id(connection, ref),
        connection=connection,
        group=ref.group,
        version=item.api_version.rpartition("/")[2],
        kind=ref.kind,
        namespace=ref.namespace,
        name=ref.name,
        uid=item.uid,
        resource_version=item.version,
        labels=labels,
        owner=owner,
        created_at=created,
        observed_at=now,
        body=body,
        trimmed=trimmed,
        redacted=[place for place in redacted if not any(place.startswith(f"{one}/") for one in trimmed)],
    )


def _owner(metadata: dict[str, Any]) -> Owner | None:
    for one in metadata.get("ownerReferences") or []:
        if one.get("controller"):
            group = str(one.get("apiVersion", "")).rpartition("/")[0]
            return Owner(group=group, kind=str(one["kind"]), name=str(one["name"]), uid=str(one.get("uid", "")))
    return None


def _moment(text: object) -> datetime.datetime | None:
    try:
        moment = msgspec.convert(text, datetime.datetime)
    except msgspec.ValidationError:
        return None
    return moment if moment.tzinfo else None
