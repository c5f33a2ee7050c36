"""Processes: adapter host, projector, scheduler, and the local stack.

Invariant: a worker communicates with the API and the adapters through the bus only; it is started by its console
command.
"""
