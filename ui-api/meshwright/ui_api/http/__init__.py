"""The HTTP layer between a connection and a request: limits, time-outs, connection slots."""
