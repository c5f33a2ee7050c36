"""Structural schemas: whether a custom resource is as its CustomResourceDefinition says, before anybody sends it.

Problem: what an API server refuses is known only where there is one, and it drops unknown fields without a word.
Invariant: what is a problem here is refused by the server as well, with the same schema; the rules that a schema has in
CEL (`x-kubernetes-validations`) and what webhooks check are left to the server.
"""

from meshwright.core.kit.structural.checking import SchemaProblem, check
from meshwright.core.kit.structural.definitions import Definition, Definitions, InvalidDefinition, Version, definition

__all__ = ["Definition", "Definitions", "InvalidDefinition", "SchemaProblem", "Version", "check", "definition"]
