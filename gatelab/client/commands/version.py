"""`gatelab version`."""

from gatelab import __version__


def version() -> None:
    """Print the version."""
    print(f"gatelab {__version__}")
