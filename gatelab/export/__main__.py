"""python -m gatelab.export onnx|torch < checkpoint.safetensors > file

It is a separate process, since tracing takes seconds of Python, which would delay all other requests.
"""

import sys
import warnings
from typing import get_args

from gatelab.checkpoint import Checkpoint
from gatelab.export.step import GraphFormat, step_program


def main(format: GraphFormat) -> None:
    warnings.simplefilter("ignore")  # of the tracers about themselves
    sys.stdout.buffer.write(step_program(Checkpoint.from_bytes(sys.stdin.buffer.read()), format))


if __name__ == "__main__":
    [wanted] = (format for format in get_args(GraphFormat) if format == sys.argv[1])
    main(wanted)
