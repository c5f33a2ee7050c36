"""The certificate authorities of this installation, stored sealed in the `secrets` bucket.

Problem: a reader of an authority's key can impersonate every workload of its mesh, and buckets are on disks and in
backups. Invariant: an authority is written sealed and opened here only. One that older versions stored unsealed may
have been read: it is replaced, and every proxy trusts the new one before the first certificate of it is used, so that
no request fails meanwhile.
"""

import contextlib
import datetime

import msgspec

from meshwright.adapters.envoy.pki import issuing
from meshwright.adapters.envoy.pki.issuing import Authority, Former
from meshwright.adapters.envoy.state import identity
from meshwright.core import kit
from meshwright.core.kit.buckets import Bucket, Conflict
from meshwright.core.kit.security import sealing
from meshwright.schemas.sealing import Sealed

CONTROL_PLANE = "control-plane"
"""the key of the authority for control planes and proxies; no mesh has it, since it has no dot"""


class _Open(msgspec.Struct, frozen=True):
    """The unsealed form of older versions."""

    key: str
    certificate: str


class Authorities:
    """Reads, creates and replaces authorities. Methods raise bus.BusUnavailable and sealing.CannotOpen."""

    def __init__(self, bucket: Bucket, runtime: kit.Runtime) -> None:
        self._bucket = bucket
        self._sealer = runtime.sealer
        self._adapter = runtime.adapter

    async def of_mesh(self, workspace: str, mesh: str, now: datetime.datetime) -> Authority:
        """The authority of a mesh, created on first use by exactly one replica."""
        return await self._get(identity.mesh_key(workspace, mesh), f"mesh {mesh}", now)

    async def of_control_plane(self, now: datetime.datetime) -> Authority:
        """The authority of the discovery service, created on first use by exactly one replica."""
        return await self._get(CONTROL_PLANE, "control plane", now)

    async def advance(self, key: str, authority: Authority) -> None:
        """Advance a replacement by one stage: the new one issues, then the former one is dropped.

        Another replica may have done it first.
        """
        entry = await self._bucket.get(key)
        if entry is not None and self._open(key, entry.value) == authority:
            with contextlib.suppress(Conflict):
                await self._bucket.update(key, self._seal(key, issuing.advanced(authority)), entry.revision)

    async def _get(self, key: str, name: str, now: datetime.datetime) -> Authority:
        while True:
            entry = await self._bucket.get(key)
            with contextlib.suppress(Conflict):  # another replica was first: its authority is used
                if entry is None:
                    await self._bucket.create(key, self._seal(key, issuing.create_authority(name, now)))
                elif (authority := self._open(key, entry.value)) is not None:
                    return authority
                else:
                    await self._bucket.update(
                        key, self._seal(key, _replacement(entry.value, name, now)), entry.revision
                    )

    def _open(self, key: str, value: bytes) -> Authority | None:
        """The authority; None when it is stored unsealed."""
        try:
            sealed = msgspec.json.decode(value, type=Sealed)
        except msgspec.ValidationError:
            return None
        try:
            return msgspec.json.decode(self._sealer.open(sealed, *self._context(key)), type=Authority)
        except sealing.CannotOpen as error:
            raise sealing.CannotOpen(
                f"the certificate authority {key} cannot be opened: {error}. "
                "MESHWRIGHT_SECRET_KEY_FILE has to name the keys with which this installation was set up."
            ) from error

    def _seal(self, key: str, authority: Authority) -> bytes:
        return msgspec.json.encode(self._sealer.seal(msgspec.json.encode(authority), *self._context(key)))

    def _context(self, key: str) -> tuple[str, str, str]:
        return self._adapter, "authority", key


def _replacement(value: bytes, name: str, now: datetime.datetime) -> Authority:
    decoded = msgspec.json.decode(value, type=_Open)
    former = Former(key=decoded.key, certificate=decoded.certificate)
    return msgspec.structs.replace(issuing.create_authority(name, now), former=former)
