"""What lies between a connection and a request: limits while reading, time-outs, a place for everybody."""
