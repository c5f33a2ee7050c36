"""Commands for documents that users write: designs, their releases and drift, and files to analyze or import."""
