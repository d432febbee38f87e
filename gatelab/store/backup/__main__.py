"""`python -m gatelab.store.backup make TARGET | restore FILE`: of the data directory that the environment names."""

import argparse
import sys
from pathlib import Path

from gatelab import settings
from gatelab.errors import GatelabError, InvalidInput
from gatelab.store.backup.making import make
from gatelab.store.backup.restoring import restore
from gatelab.terminal import tolerate_any_text


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 for success, 1 for a refusal."""
    tolerate_any_text()
    parser = argparse.ArgumentParser(prog="gatelab", description="Back up or restore a data directory.")
    parser.add_argument("action", choices=["make", "restore"])
    parser.add_argument("file")
    options = parser.parse_args(arguments)
    try:
        told = settings.load()
        if options.action == "make":
            made = make(told, target(options.file))
            print(f"{made.file}: {made.files} files of {told.data_dir}, {made.bytes} bytes, sha256 {made.sha256}")
            for name in made.missing:
                print(f"missing: {name}; its run resumes from the checkpoint before", file=sys.stderr)
        else:
            manifest = restore(Path(options.file), told.data_dir)
            print(f"{told.data_dir}: {len(manifest.files)} files as they were on {manifest.created_at}, all verified")
    except GatelabError as error:
        print(f"gatelab: {error}", file=sys.stderr)
        return 1
    return 0


def target(given: str) -> Path:
    """The new file, or the directory to put it in. A name that ends in a slash is a directory, made if it is missing.

    Raises:
        InvalidInput: the directory cannot be made.
    """
    path = Path(given).expanduser()
    if given.endswith("/"):
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInput.at(given, f"cannot be made: {error.strerror}") from error
    return path


if __name__ == "__main__":
    sys.exit(main())
