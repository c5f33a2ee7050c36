"""What is known of each adopted mesh, in a bucket of the adapter.

Invariant: a record is written when a mesh is adopted and removed when it is forgotten, and by nobody else.
"""

from meshwright.core.kit.buckets import Records
from meshwright.schemas.base import Model

BUCKET = "meshes"


class Record(Model, frozen=True, kw_only=True):
    """One adopted mesh. `version` is what it was then."""

    datacenter: str
    version: str = ""


class AdoptedMeshes(Records[Record]):
    """The records in their bucket."""

    bucket = BUCKET
    type = Record
