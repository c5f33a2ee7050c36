"""JetStream streams: their settings, publishing, reading, and consuming."""
