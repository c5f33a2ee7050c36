"""The world that the ledger adapter acts on, as a test sees it from outside."""

from pathlib import Path


class Book:
    """One folder of entries. Operations are named by their ids."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def entries(self, operation: str) -> list[int]:
        """The steps whose effect stands, sorted."""
        return sorted(int(path.name.rpartition("-")[2]) for path in self.folder.glob(f"{operation}-*"))

    def tries(self, operation: str) -> list[tuple[int, str]]:
        """Every time that a step's action was about to act: the step and the worker."""
        path = self.folder / "tries"
        lines = path.read_text().splitlines() if path.exists() else []
        result = (line.split() for line in lines)
        return [(int(name.rpartition("-")[2]), worker) for name, worker in result if name.startswith(operation)]

    def order(self) -> list[str]:
        """The operations in the order of their first try, one entry per change of operation."""
        path = self.folder / "tries"
        names = [line.split()[0].rpartition("-")[0] for line in path.read_text().splitlines()] if path.exists() else []
        return [name for index, name in enumerate(names) if not index or names[index - 1] != name]
