"""Gatelab trains, compares and serves gated recurrent language models.

`from gatelab import Gatelab` gives the Python client. `import gatelab` alone imports nothing else.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gatelab.client.api import Gatelab

__all__ = ["Gatelab", "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """The client, imported on first use."""
    if name == "Gatelab":
        from gatelab.client.api import Gatelab

        return Gatelab
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
