"""The `gatelab` commands, one group a file."""
