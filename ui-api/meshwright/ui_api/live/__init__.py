"""The event stream: one reader of EVENTS per process, many clients."""
