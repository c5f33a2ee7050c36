"""Reading the views: pages, freshness, and single operations."""
