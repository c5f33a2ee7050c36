"""The projector: folds the streams into the views that the API reads.

Problem: several streams, one of them with many writers, must become documents that never show a state that never
existed, through crashes of every process. Invariant: a view is a pure function of a prefix of one stream; the projector
is the only writer of views, and any view can be dropped and rebuilt with the same result.
"""

from meshwright.workers.projector.main import main

__all__ = ["main"]
