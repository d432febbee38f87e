"""What makes and checks the documentation: generated pages, site, prose, pictures. It is not installed with Gatelab."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
