"""The `gatelab` commands, one file per group."""
