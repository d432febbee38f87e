"""Whole training steps of Gatelab's engines next to the book's loop and PyTorch's layers.

python -m benchmarks.training [speed] [scaling] [memory] [precision] [packs] [vocabularies] [layers] [--threads 2] ...
"""

import argparse

import torch

from benchmarks.idle_machine import warn_if_busy
from benchmarks.training import layers, memory, packs, precision, scaling, speed, vocabularies
from benchmarks.training.contestants import Task
from benchmarks.training.shapes import CELLS, SHAPES, SIZES, Shape

PARTS = "speed", "scaling", "memory", "precision", "packs", "vocabularies", "layers"


def main() -> None:
    arguments = _arguments()
    warn_if_busy()
    threads, how = arguments.threads, (arguments.rounds, arguments.seconds)
    tasks = [(cell, Task(CELLS[cell], shape)) for shape in arguments.shapes for cell in arguments.cells]
    for part in arguments.parts or PARTS:
        torch.set_num_threads(threads)
        print(f"\n{part}, {threads} threads, medians of {arguments.rounds} rounds\n")
        match part:
            case "speed":
                speed.show(tasks, threads, *how)
            case "scaling":
                scaling.show(tasks, range(1, threads + 1), *how)
            case "memory":
                memory.show(tasks, threads)
            case "precision":
                precision.show(tasks, threads, *how)
            case "vocabularies":
                shapes = vocabularies.SHAPES if arguments.shapes is SHAPES else arguments.shapes
                cells = [(cell, Task(CELLS[cell], shape)) for shape in shapes for cell in arguments.cells]
                vocabularies.show(cells, threads, *how)
            case "layers":
                layers.show(layers.SHAPES if arguments.shapes is SHAPES else arguments.shapes, threads, *how)
            case "packs":
                packs.show(packs.SHAPES if arguments.shapes is SHAPES else arguments.shapes, threads, *how)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="what to measure; by default everything")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.25, help="how long a contestant is measured in a round")
    parser.add_argument("--shapes", type=_shape, nargs="+", default=SHAPES, metavar=SIZES)
    parser.add_argument("--cells", nargs="+", default=list(CELLS), choices=CELLS, metavar="CELL")
    return parser.parse_args()


def _shape(text: str) -> Shape:
    try:
        return Shape.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    main()
