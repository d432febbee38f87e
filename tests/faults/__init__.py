"""Faults on purpose: nothing is lost, nothing is written twice, nothing ends up different."""
