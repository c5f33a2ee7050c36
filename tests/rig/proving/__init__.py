"""What tests prove of intents, mesh by mesh: recorded while they run, and shown on one page.

Invariant: a proof is in the file only if the named test gave it when it last passed.
"""
