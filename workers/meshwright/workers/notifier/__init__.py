"""The notifier: delivers events to webhooks, at least once.

Problem: an endpoint may be slow, broken or gone for hours, and this process may die at any moment. Invariant: what a
webhook has still to get lies in the bucket and in EVENTS, never in memory alone; one endpoint's trouble is its own.
"""

from meshwright.workers.notifier.main import main

__all__ = ["main"]
