"""What tests of all adapters of Kubernetes meshes share: a sample application as facts, and what designs become."""
