"""HTTP/1.1 on a connection: limits while reading, time-outs, connection slots."""
