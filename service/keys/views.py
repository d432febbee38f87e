"""Keys, as the API answers them."""

from gatelab.store.keys import Key as Stored
from gatelab.wire.keys import Key


def key_of(stored: Stored) -> Key:
    return Key(**{name: getattr(stored, name) for name in Key.model_fields})
