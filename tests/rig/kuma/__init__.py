"""What tests of the Kuma adapter share: meshes to translate for, real definitions, a cluster with its install."""
