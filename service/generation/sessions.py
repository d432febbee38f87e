"""The key that signs the states of sessions, and how routes use it."""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from gatelab.errors import InvalidState
from gatelab.secrets import write_secret
from gatelab.settings import Settings

if TYPE_CHECKING:
    from gatelab.generation import Sealer, Session

KEY_FILE = "session-key"


class Sessions:
    """Opens and seals sessions. It reads or makes the key on first use."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sealer: Sealer | None = None

    @property
    def sealer(self) -> "Sealer":
        from gatelab.generation import Sealer

        if self._sealer is None:
            given = self._settings.session_key.get_secret_value()
            self._sealer = Sealer(given.encode() or _kept_key(self._settings.data_dir / KEY_FILE))
        return self._sealer

    def resume(self, token: str, run: str, path: str = "state") -> "Session":
        """The session of a token.

        Raises:
            InvalidState: it was changed, or belongs to another installation or run.
        """
        session = self.sealer.open(token, path)
        if session.run != run:
            raise InvalidState.at(path, f"belongs to another run ({session.run})")
        return session


def _kept_key(file: Path) -> bytes:
    """The key in `file`, made if it is missing. If several processes make one at once, the first one's stays."""
    if not file.exists():
        write_secret(file, secrets.token_bytes(32), keep=True)
    return file.read_bytes()
