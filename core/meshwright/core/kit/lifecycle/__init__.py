"""The life of a design on a mesh, written once for all meshes: plan, apply, wait, record, prune, verify, watch.

Invariant: preview, diff, apply, remove, rollback, retry, undo and drift are the same code over an adapter's facts,
translators and target.
"""
