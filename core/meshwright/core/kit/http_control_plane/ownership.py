"""Whose an entry is: the designs that stand for it.

Invariant: a design removes only what it has created itself and what no other design stands for; from anything else it
takes its name and leaves the rest.
"""

from typing import NamedTuple

from meshwright.core.kit.target import Draft


class Owner(NamedTuple):
    """A design on a mesh, as the mark in an entry names it."""

    workspace: str
    mesh: str
    design: str

    @classmethod
    def of(cls, draft: Draft) -> "Owner":
        """As whom a draft is applied."""
        return cls(draft.mesh.workspace, draft.mesh.mesh, draft.owner)

    @classmethod
    def read(cls, text: str) -> "Owner | None":
        """The owner that a mark names; None when it names none."""
        parts = text.split("/")
        return cls(*parts) if len(parts) == 3 and all(parts) else None

    def __str__(self) -> str:
        return "/".join(self)

    @property
    def words(self) -> str:
        """For people."""
        return f"design {self.design} of mesh {self.mesh}"
