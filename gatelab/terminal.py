"""Output on terminals and pipes of any encoding."""

import io
import sys


def tolerate_any_text() -> None:
    """Let standard output and standard error show a character that their encoding lacks as \\xe9 or \\u25b8.

    By default Python ends the program there, in the middle of an answer. Texts, names and paths come from anybody; the
    user's locale decides what a terminal or a pipe can show.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
