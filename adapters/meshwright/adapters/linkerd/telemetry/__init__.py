"""What Linkerd's proxies count, and where they tell it.

Invariant: knowledge of Linkerd alone; reading, comparing and publishing are the kit's.
"""
