"""What an adapter keeps beside the streams: buckets, and the errors of the bus.

Invariant: these are the bus's own classes; a bucket comes from `Runtime.bucket` alone, under the adapter's name.
"""

from meshwright.core.bus import Bucket, BusError, BusUnavailable, Change, Conflict, Entry, until_available

__all__ = ["Bucket", "BusError", "BusUnavailable", "Change", "Conflict", "Entry", "until_available"]
