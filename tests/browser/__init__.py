"""The page in a real browser, on a whole installation."""
