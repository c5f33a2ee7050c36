"""The folds: pure functions from a document and a fact to the next document.

Invariant: a fold reads nothing but its arguments; `None` in means that there is no document yet, `None` out
that there is none any more; what it gives always fits the document's own type.
"""

VERSION = 5
"""Raised whenever a fold, or a message or document that it knows, gains something: views that a projector of a lower
version wrote, which cannot know it, are then rebuilt."""
