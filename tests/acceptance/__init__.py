"""The main job, end to end: real processes, real databases, real brokers."""
