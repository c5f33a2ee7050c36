"""One process on NATS: its connection, and what is asked and answered without being stored."""
