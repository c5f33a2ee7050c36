"""A Consul mesh for tests: real servers, real Envoys as sidecars, and a real worker."""
