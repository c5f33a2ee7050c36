"""Processes: adapter host, projector, scheduler, and the local stack.

Invariant: a worker meets the API and the adapters on the bus only; it is started by its console command.
"""
