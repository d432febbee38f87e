"""The gate lab: what the gates of a trained run do, and how well it remembers."""
