"""What the API makes of the views for people to read: nothing of it is a message, and nothing is stored."""
