"""What Consul's proxies count, and where they tell it."""
