"""Text from a trained run, its states, and the likelihood of texts."""
