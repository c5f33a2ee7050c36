"""What only our own tests share."""
