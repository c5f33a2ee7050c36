"""The event stream: one tail of EVENTS per process, many clients."""
