"""What the Istio adapter does on command: install, upgrade, uninstall, enrol, withdraw.

Invariant: every effect is a durable step that can be taken back; what is there is asked of the cluster, not remembered.
"""
