"""The API's documentation: the OpenAPI document and the pages generated from it."""
