"""The notifier: delivers events to webhooks, at least once.

Problem: an endpoint may be slow, broken or down for hours, and this process may die at any moment. Invariant: pending
deliveries are stored in the bucket and in EVENTS, never in memory alone; one endpoint's failures do not affect others.
"""

from meshwright.workers.notifier.main import main

__all__ = ["main"]
