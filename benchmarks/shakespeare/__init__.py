"""How soon small models reach a validation loss on tiny Shakespeare: Gatelab's recipes next to their peers."""
