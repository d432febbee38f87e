"""The calls of the Python client, one file per subject."""
