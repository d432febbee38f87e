"""The classic cells' parameters side by side, as PyTorch's layers take them and as checkpoints once had them."""

from gatelab.equations.families import GATES
from gatelab.specs.cells import CellSpec, EquationsSpec, GruSpec, LstmSpec, RnnSpec

RECURRENT = ("weight_hidden", "weight_gates", "weight_candidate")
"""The packed recurrent matrices that a cell may have, in the order of their blocks."""


def packed_letters(cell: CellSpec) -> dict[str, tuple[str, ...]]:
    """Packed parameter -> the letters of its blocks of columns, `hidden` each. Empty for a cell of equations."""
    match cell:
        case RnnSpec():
            return {"weight_input": ("W",), "bias": ("b",), "weight_hidden": ("U",)}
        case LstmSpec():
            return _of_input("ifgo") | {"weight_hidden": _each("U", "ifgo")}
        case GruSpec():
            gates = "".join(GATES[gate] for gate in cell.gates)
            found = _of_input(gates + "c")
            if gates:
                found["weight_gates"] = _each("U", gates)
            found["weight_candidate"] = ("U_c",)
            if "reset" in cell.gates and cell.reset == "after":
                found["bias_candidate"] = ("b_u",)
            return found
        case EquationsSpec():
            return {}


def recurrent_letters(cell: CellSpec) -> tuple[str, ...]:
    """Those of all recurrent matrices, in the order of the blocks."""
    packed = packed_letters(cell)
    return tuple(letter for name in RECURRENT for letter in packed.get(name, ()))


def _of_input(blocks: str) -> dict[str, tuple[str, ...]]:
    return {"weight_input": _each("W", blocks), "bias": _each("b", blocks)}


def _each(letter: str, blocks: str) -> tuple[str, ...]:
    return tuple(f"{letter}_{block}" for block in blocks)
