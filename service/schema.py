"""The API's description as a file, from which the page's types are made: `python -m service.schema` writes it."""

import json
import tempfile
from pathlib import Path

from pydantic import SecretStr

from gatelab.settings import Settings
from service.app import create_app

FILE = Path(__file__).parent / "web" / "openapi.json"


def document() -> str:
    """The OpenAPI document of this code, independent of the environment."""
    with tempfile.TemporaryDirectory() as folder:
        database = SecretStr(f"sqlite:///{folder}/gatelab.db")
        settings = Settings(data_dir=Path(folder), database_url=database)
        return json.dumps(create_app(settings).openapi(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
