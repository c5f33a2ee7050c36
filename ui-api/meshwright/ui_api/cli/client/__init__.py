"""The client of the REST API: contexts, requests, following an operation."""
