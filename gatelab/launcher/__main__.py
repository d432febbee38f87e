"""`python -m gatelab.launcher --data-dir DIR --port N`: exit code 0 after a stop, 1 if it cannot start."""

import argparse
import logging
import sys
from pathlib import Path

from gatelab import settings
from gatelab.errors import GatelabError
from gatelab.launcher.supervisor import Options, run
from gatelab.terminal import tolerate_any_text


def main(arguments: list[str] | None = None) -> int:
    tolerate_any_text()
    options = parse(arguments)
    logging.basicConfig(format="gatelab: %(message)s", level=logging.INFO)
    try:
        settings.load()
        run(options)
    except GatelabError as error:
        print(f"gatelab: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        # The disk is full, or a folder was removed.
        print(f"gatelab: cannot write to {options.data_dir}: {error}", file=sys.stderr)
        return 1
    return 0


def parse(arguments: list[str] | None) -> Options:
    """The command line. Exits with code 2 if it is wrong."""
    parser = argparse.ArgumentParser(prog="gatelab up", description="Run a whole Gatelab on this machine.")
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="the directory with all data of Gatelab")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=_port, default=8000, help="port to listen on; 0 takes a free one")
    parser.add_argument("--workers", type=_positive, default=1)
    parser.add_argument("--service-workers", type=_positive, default=1, help="number of processes that answer requests")
    parser.add_argument("--stop-on-eof", action="store_true", help="stop when standard input ends")
    return Options(**vars(parser.parse_args(arguments)))


def _port(text: str) -> int:
    if not 0 <= (port := int(text)) <= 65535:
        raise argparse.ArgumentTypeError("must be between 0 and 65535")
    return port


def _positive(text: str) -> int:
    if not 1 <= (number := int(text)) <= 256:
        raise argparse.ArgumentTypeError("must be between 1 and 256")
    return number


if __name__ == "__main__":
    sys.exit(main())
