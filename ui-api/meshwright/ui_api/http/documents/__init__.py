"""What the API tells about itself: the OpenAPI document and the pages made from it."""
