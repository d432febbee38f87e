"""The calls of the Python client, a file for each subject."""
