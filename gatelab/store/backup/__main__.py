"""`python -m gatelab.store.backup make TARGET | restore FILE`: of the data directory that the environment names."""

import argparse
import sys
from pathlib import Path

from gatelab import settings
from gatelab.errors import GatelabError
from gatelab.store.backup.making import make
from gatelab.store.backup.restoring import restore
from gatelab.terminal import tolerate_any_text


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 for success, 1 for a refusal."""
    tolerate_any_text()
    parser = argparse.ArgumentParser(prog="gatelab", description="Back up or restore a data directory.")
    parser.add_argument("action", choices=["make", "restore"])
    parser.add_argument("file", type=Path)
    options = parser.parse_args(arguments)
    try:
        told = settings.load()
        if options.action == "make":
            made = make(told, options.file)
            print(f"{made.file}: {made.files} files of {told.data_dir}, {made.bytes} bytes, sha256 {made.sha256}")
            for name in made.missing:
                print(f"missing: {name}; its run resumes from the checkpoint before", file=sys.stderr)
        else:
            manifest = restore(options.file, told.data_dir)
            print(f"{told.data_dir}: {len(manifest.files)} files as they were on {manifest.created_at}, all verified")
    except GatelabError as error:
        print(f"gatelab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
