"""The contract: messages, resources, operations and errors, declared once as data.

Invariant: this package imports only msgspec and the standard library, so that every other package and every third party
can use the contract without installing a server.
"""
