"""The NATS connection of one process, and core NATS requests and subscriptions."""
