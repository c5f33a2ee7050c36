"""What Meshwright needs of the machine that it runs on: programs, processes, ports."""
