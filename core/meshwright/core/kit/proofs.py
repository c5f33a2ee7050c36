"""What the tests of an adapter have shown of its intents: the file `proofs.json` beside its code.

Invariant: the tests write that file and nobody else, so an adapter announces no proof that no test has given.
"""

from importlib import resources

import msgspec

from meshwright.schemas.adapters import IntentProof

FILE = "proofs.json"
Proofs = dict[str, list[IntentProof]]
"""by intent"""


def proofs(package: str) -> Proofs:
    """The proofs of an adapter by intent; none when its tests have written none.

    Raises msgspec.DecodeError when the file is damaged."""
    file = resources.files(package) / FILE
    return msgspec.json.decode(file.read_bytes(), type=Proofs) if file.is_file() else {}
