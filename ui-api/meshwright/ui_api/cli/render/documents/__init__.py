"""Output about documents that users write: explanations of their fields, findings, imports."""
