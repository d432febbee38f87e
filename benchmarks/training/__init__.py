"""Whole training steps (forward, loss, backward, clipping, SGD) of Gatelab's engines and of their peers."""
