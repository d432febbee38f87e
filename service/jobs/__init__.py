"""Jobs: requests to train, and their events."""
