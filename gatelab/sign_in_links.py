"""Links that sign in once: the output of `gatelab up` ends up in logs, which must not contain a key.

A process that can write to the data directory makes a code, which is exchanged for the key in the same directory. Only
the digest of the code is kept.
"""

import hashlib
import hmac
import secrets
from contextlib import suppress
from pathlib import Path

from gatelab.errors import NotAuthenticated
from gatelab.secrets import write_secret
from gatelab.settings import KEY_FILE

CODE_FILE = "sign-in"


def make_code(data_dir: Path) -> str:
    """A code that works once. It replaces the previous one."""
    code = secrets.token_urlsafe(24)
    write_secret(data_dir / CODE_FILE, _digest(code).encode())
    return code


def redeem(data_dir: Path, code: str) -> str:
    """The key that a code stands for. The code no longer works afterwards.

    Raises:
        NotAuthenticated: it is not the latest code, or was already used.
    """
    file = data_dir / CODE_FILE
    with suppress(OSError):
        if hmac.compare_digest(file.read_text(), _digest(code)):
            file.unlink()  # if two requests come at once, only one finds it
            return (data_dir / KEY_FILE).read_text().strip()
    raise NotAuthenticated(
        "this link has been used already, or is from an earlier start; start `gatelab up` again, or sign in"
        f" with the key in {KEY_FILE} of the data directory"
    )


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode(errors="surrogatepass")).hexdigest()
