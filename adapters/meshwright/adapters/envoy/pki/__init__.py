"""Certificate authorities, certificates and invitations of the Envoy mesh."""
