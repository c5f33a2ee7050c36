"""Key-value buckets, and what stands on them: leases, presence."""
