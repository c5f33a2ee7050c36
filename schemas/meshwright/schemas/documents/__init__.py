"""The documents generated from the contract: JSON Schema, AsyncAPI, OpenAPI components, and the generator."""
