"""People who have no leave, and the doors that they try."""
