"""The common parts of the kernels of both forms: heads, arguments, and the addresses of a tile."""

from collections.abc import Iterable, Iterator

from gatelab.equations.triton.layout import Layout

FORWARD = "u, ids, weight, bias, vectors, history, kept, operands"
BACKWARD = "weight, vectors, history, kept, doutputs, dstate, dafter, crossing, dsums, dvectors"
SIZES = "steps, batch, hidden"


def head(name: str, arguments: str, constants: Iterable[str], *, one_step: bool) -> Iterator[str]:
    """The first lines of a kernel with the grid (tiles of rows, tiles of columns, members)."""
    yield ""
    yield ""
    # A step's number is not specialized: Triton would compile again for a value of 1 or a multiple of 16.
    yield '@triton.jit(do_not_specialize=["t"])' if one_step else "@triton.jit"
    yield f"def {name}({arguments}, {', '.join(f'{each}: tl.constexpr' for each in constants)}):"
    yield from indented(
        [
            "member = tl.program_id(2).to(tl.int64)",
            "members = tl.num_programs(2).to(tl.int64)",
            "row = tl.program_id(0) * rows + tl.arange(0, rows)",
            "column = tl.program_id(1) * width + tl.arange(0, width)",
            "present = row < batch",
            "inside = present[:, None] & (column < hidden)[None, :]",
            "dtype = history.dtype.element_ty",
            "between = members * (steps + 1) * batch * hidden",
        ]
    )


def place(step: str) -> Iterator[str]:
    """The place of a step's tile: its rows in arrays of steps, and the state before it."""
    yield f"here = (member * steps + {step}) * batch + row"
    yield f"now = ((member * (steps + 1) + {step}) * batch + row) * hidden"


def tile_at(array: str, rows: str, number: int, count: int) -> str:
    """The addresses of block `number` of `count` in an array of blocks of columns."""
    return f"{array} + ({rows} * {count} + {number})[:, None] * hidden + column[None, :]"


def state_at(array: str, rows: str, number: int, between: str) -> str:
    """The addresses of a tile of state `number`, in an array of states that are `between` apart."""
    return f"{array} + {number} * {between} + ({rows})[:, None] + column[None, :]"


def load(address: str) -> str:
    return f"tl.load({address}, inside, 0.0)"


def store(address: str, value: str) -> str:
    return f"tl.store({address}, {value}, inside)"


def parameter(layout: Layout, node: int) -> str | None:
    """The expression of a node that is a parameter."""
    each = layout.schedule.graph.nodes[node]
    if each.op != "parameter":
        return None
    return _vector("vectors", layout.vectors.index(int(each.name)), len(layout.vectors))


def bias(layout: Layout, place_of_sum: int) -> str | None:
    """The bias with which a sum without the input begins, if it has one."""
    places = [at for at, _ in layout.biases]
    return _vector("bias", places.index(place_of_sum), len(places)) if place_of_sum in places else None


def _vector(array: str, number: int, count: int) -> str:
    return f"tiles.load_vector({array}, {number}, {count}, member, column, hidden)"


def indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"    {line}" if line else line for line in lines)
