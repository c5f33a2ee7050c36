"""What installing Linkerd takes: its charts with their values, and what a worker is told of them."""
