"""Random and damaged input for every parser: `make fuzz`, and briefly in the tests."""
