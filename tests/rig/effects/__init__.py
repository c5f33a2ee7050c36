"""What intents do to requests: one document each, and one proof each, for every mesh of the tests.

Problem: that a mesh takes what a translator writes does not show that requests follow it, nor that two meshes mean the
same. Invariant: documents and proofs know nothing of any mesh; whoever runs a mesh for them implements `mesh.Mesh`.
"""
