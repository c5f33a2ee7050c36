"""What a request asks for: checked, authorized, previewed, and published."""
