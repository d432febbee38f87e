"""Whatever reads what others wrote, fed with anything: `make fuzz`, and for a moment in the tests."""
