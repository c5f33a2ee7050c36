"""Access to the host: programs, processes, ports."""
