"""The target of meshes that live in Kubernetes: server-side apply, and everything that goes with it."""
