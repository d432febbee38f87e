"""Programs that make and check the documentation: generated pages, site, links, pictures. They are not installed."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
