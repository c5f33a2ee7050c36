"""The contract: messages, resources, operations and errors, declared once as data.

Invariant: this portion imports msgspec and the standard library, nothing else, so that every room and every
third party can read the contract without pulling in a server.
"""
