"""Ending asyncio tasks for certain.

Invariant: this is `core.ending`; a task that was cancelled once may otherwise run on for ever.
"""

from meshwright.core.ending import end, first_error

__all__ = ["end", "first_error"]
