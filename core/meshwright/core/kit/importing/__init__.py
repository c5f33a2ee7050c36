"""Importing: existing resources of a mesh read back as intents, so that what they say can move to another one.

Invariant: a reader is a pure function of resources; what no intent says is named field by field, with its place.
"""

from meshwright.core.kit.importing.fields import Field, Reading
from meshwright.core.kit.importing.importers import CannotImport, Importers, Reader
from meshwright.core.kit.importing.surroundings import Service, Surroundings, host_parts, oldest_first

__all__ = [
    "CannotImport",
    "Field",
    "Importers",
    "Reader",
    "Reading",
    "Service",
    "Surroundings",
    "host_parts",
    "oldest_first",
]
