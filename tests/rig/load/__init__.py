"""Load, and the books that say what became of it."""
