"""The C++ code of a cell, from the graph of its equations.

No letter of a user's text gets into it: parameters, states and values are numbered, and a number is the bits of a
float.
"""

import math
import struct
from collections.abc import Iterator, Sequence

from gatelab.equations import Node, Representation
from gatelab.equations.padding import stays_empty
from gatelab.equations.plan import WIDEST, Plan
from gatelab.equations.schedule import Schedule, Steps

INFIX = frozenset("+-*/")
KINDS = {"input_matrix": 0, "matrix": 1, "vector": 2, "scalar": 3}
"""Kinds of letters, as `engine.h` numbers them."""


def generate(representation: Representation) -> str:
    """The source of a library of one cell."""
    name = "Written"
    exported = [
        "const GatelabCode *gatelab_code(void) {",
        "    using namespace gatelab;",
        f"    return {_code_of(name)};",
        "}",
    ]
    return _source([*_struct(name, representation), "", "}  // namespace gatelab", "", *exported])


def generate_known(representations: Sequence[Representation]) -> str:
    """The source of the cells that the engine's library contains, for one precision (see `known.hpp`)."""
    names = [f"Known{number}" for number in range(len(representations))]
    lines: list[str] = []
    for name, representation in zip(names, representations, strict=True):
        lines += [*_struct(name, representation), ""]
    lines += ["template <>", "const GatelabCode *known<Wanted>(int32_t number) {", "    switch (number) {"]
    lines += [f"        case {number}: return {_code_of(name)};" for number, name in enumerate(names)]
    lines += ["        default: return nullptr;", "    }", "}"]
    lines += ["", "#if !defined(GATELAB_BRAIN)"]
    digests = ", ".join(f'"{representation.digest}"' for representation in representations)
    lines += ["const char *digest_of_known(int32_t number) {", f"    static const char *const all[] = {{{digests}}};"]
    lines += [f"    return number >= 0 && number < {len(names)} ? all[number] : nullptr;", "}", "#endif"]
    return _source([*lines, "", "}  // namespace gatelab"])


def _source(lines: Sequence[str]) -> str:
    return "\n".join(['#include "equations/code.hpp"', "", "namespace gatelab {", "", *lines]) + "\n"


def _code_of(name: str) -> str:
    return f"code_of<{name}, Wanted, WANTED>()"


def _struct(name: str, representation: Representation) -> Iterator[str]:
    schedule = Schedule(Plan(representation))
    yield f"struct {name} {{"
    yield from _indented(_constants(schedule))
    for phase in range(schedule.plan.phases):
        yield from _indented(_forward(schedule, phase))
    for phase in range(schedule.plan.phases):
        yield from _indented(_backward(schedule, phase))
    yield "};"


def _constants(schedule: Schedule) -> Iterator[str]:
    plan = schedule.plan
    parameters = plan.representation.parameters
    numbers = {
        "states": len(plan.after),
        "phases": plan.phases,
        "chunks": len(plan.chunks),
        "runs": len(plan.runs),
        "operands": len(plan.operands),
        "computed": sum(operand.kind == "computed" for operand in plan.operands),
        "vectors": len(plan.vectors),
        "kept": len(schedule.kept),
        "carried": schedule.carried,
        "crossings": len(schedule.crossing),
        "means": len(plan.means),
        "back_means": len(schedule.back_means),
        "letters": len(parameters),
    }
    yield f"static constexpr int {', '.join(f'{name} = {number}' for name, number in numbers.items())};"
    yield f"static constexpr bool masked = {'false' if stays_empty(schedule) else 'true'};"
    yield _table("int", "kind", [KINDS[parameter.kind] for parameter in parameters])
    chunks = [f"{{{c.phase}, {len(c.sums)}, {c.recurrent}, {c.input_first}}}" for c in plan.chunks]
    yield _table("Chunk", "chunk", chunks)
    for name in ("input", "bias"):
        letters = [[getattr(plan.sums[number], name) for number in chunk.sums] for chunk in plan.chunks]
        rows = [_row(-1 if letter is None else letter for letter in each) for each in letters]
        yield f"static constexpr int {name}[][{WIDEST}] = {_row(rows)};"
    runs = [f"{{{r.chunk}, {r.operand}, {r.first}, {len(r.letters)}, {_row(r.letters)}}}" for r in plan.runs]
    yield _table("Run", "run", runs)
    operands = [f"{{Operand::{o.kind.upper()}, {o.index}, {o.phase}}}" for o in plan.operands]
    yield _table("Operand", "operand", operands)
    yield _table("int", "vector", plan.vectors)
    yield _table("int", "mean_phase", [mean.phase for mean in plan.means])
    yield _table("int", "back_mean_phase", [schedule.when(node) + 1 for node in schedule.back_means])


def _forward(schedule: Schedule, phase: int) -> Iterator[str]:
    sums = [number for chunk in schedule.plan.chunks if chunk.phase == phase for number in chunk.sums]
    unused = "" if any(what == "sum" for what, _ in schedule.forward[phase].loads.values()) else "/*sums*/"
    yield ""
    yield "template <class Unit>"
    head = f"GATELAB_INLINE static void forward(Phase<{phase}>, const Vector *{unused or 'sums'}, const Unit &u) {{"
    yield head
    yield from _indented(_body(schedule, schedule.forward[phase], sums))
    yield "}"


def _backward(schedule: Schedule, phase: int) -> Iterator[str]:
    yield ""
    yield "template <class Unit>"
    yield f"GATELAB_INLINE static void backward(Phase<{phase}>, const Unit &u) {{"
    yield from _indented(_body(schedule, schedule.backward[phase], []))
    yield "}"


def _body(schedule: Schedule, steps: Steps, sums: Sequence[int]) -> Iterator[str]:
    for place in sorted({*steps.loads, *steps.computed}):
        node = schedule.graph.nodes[place]
        if place in steps.computed:
            value = _computed(node)
        else:
            what, number = steps.loads[place]
            value = f"u.{what}({number})"
            if what == "sum":
                value = f"sums[{sums.index(number)}]"
            elif what == "number":
                value = f"broadcast({literal(node.value)})"
        yield f"const Vector v{place} = {value};"
    for what, numbers, place in steps.stores:
        yield f"u.{what}({', '.join(map(str, numbers))}, v{place});"


def _computed(node: Node) -> str:
    operands = [f"v{operand}" for operand in node.operands]
    if node.op in INFIX:
        return f" {node.op} ".join(operands)
    if node.op == "negative":
        return f"-{operands[0]}"
    if node.op == "where_within":
        operands.append(literal(node.value))
    return f"language::{node.op}({', '.join(operands)})"


def literal(value: float) -> str:
    """A number in single precision, exactly; infinity where it is beyond that."""
    try:
        single: float = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        single = math.inf
    return f"{single.hex()}f" if math.isfinite(single) else "__builtin_inff()"


def _table(kind: str, name: str, entries: Sequence[object]) -> str:
    """A constant array; C++ has no empty ones."""
    return f"static constexpr {kind} {name}[] = {_row(entries) if entries else '{{}}'};"


def _row(entries: "Iterator[object] | Sequence[object]") -> str:
    return f"{{{', '.join(map(str, entries))}}}"


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"    {line}" if line else line for line in lines)
