"""Text from a trained run, its states, and how likely it finds texts."""
