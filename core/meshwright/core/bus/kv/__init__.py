"""Key-value buckets, and what is built on them: leases and presence."""
