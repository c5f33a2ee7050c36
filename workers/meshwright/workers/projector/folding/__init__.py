"""The folds: pure functions from a document and a fact to the next document.

Invariant: a fold reads only its arguments; `None` as argument means that there is no document yet, `None` as result
that there is none any more; the result always fits the document's own type.
"""

VERSION = 5
"""Increased whenever a fold, or a message or document that it knows, gains something: views that a projector of a lower
version wrote are then rebuilt."""
