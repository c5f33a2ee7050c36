"""The REST API as the command line uses it: contexts, requests, following an operation."""
