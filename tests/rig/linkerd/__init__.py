"""What tests of the Linkerd adapter share: meshes to translate for, real definitions, a cluster with its install."""
