"""What the Kuma adapter does on command besides designs: install, upgrade, uninstall, enrol and withdraw.

Invariant: every effect is a durable step that can be taken back; what is there is asked of the cluster, not remembered.
"""
