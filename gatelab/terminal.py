"""What a program prints, on whatever it prints it to."""

import io
import sys


def tolerate_any_text() -> None:
    """Let standard output and standard error show a character that their encoding lacks as \\xe9 or \\u25b8.

    By default Python ends the program there, in the middle of an answer. Texts, names and paths come from anybody; what
    a terminal or a pipe can show is the user's locale's to say.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
