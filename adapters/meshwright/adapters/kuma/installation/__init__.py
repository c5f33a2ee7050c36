"""What installing Kuma takes: its chart with its values, and what a worker is told of them."""
