"""Injected faults: nothing is lost, nothing is written twice, and every result stays the same."""
