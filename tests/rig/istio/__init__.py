"""What tests of the Istio adapter share: meshes as facts, and the definitions of its kinds."""
