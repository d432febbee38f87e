"""All steps in one launch: a program keeps the recurrent weights and the state of its rows on chip.

Columns are padded to `width`, a power of two that holds all of them. A program of a cell without recurrent products
needs only its own columns, and takes them tile by tile.
"""

from collections.abc import Iterator

from gatelab.equations.triton import parts
from gatelab.equations.triton.layout import Layout
from gatelab.equations.triton.parts import indented, load, state_at, store, tile_at
from gatelab.equations.triton.values import Values


def forward(layout: Layout) -> Iterator[str]:
    """Fills `history` after its first entry, `kept` and `operands`."""
    arguments = f"{parts.FORWARD}, {parts.SIZES}, vocabulary"
    yield from parts.head("persistent_forward", arguments, ("gathered", "rows", "width", "precision"), one_step=False)
    yield from indented(_Forward(layout).lines())


def backward(layout: Layout) -> Iterator[str]:
    """Fills `dsums` and `dvectors`, and turns `dstate` of the last state into that of the first."""
    arguments = f"{parts.BACKWARD}, {parts.SIZES}"
    yield from parts.head("persistent_backward", arguments, ("rows", "width", "precision"), one_step=False)
    yield from indented(_Backward(layout).lines())


def _matrices(layout: Layout, *, transposed: bool) -> Iterator[str]:
    count = len(layout.products)
    for number in range(count):
        yield f"w{number} = tiles.load_matrix(weight, {number}, {count}, member, column, hidden, {transposed})"


class _Forward:
    def __init__(self, layout: Layout) -> None:
        self._layout, self._values = layout, Values(layout, "width")
        self._wanted = [
            *(operand.node for operand in layout.operands if operand.kind == "computed"),
            *layout.kept,
            *layout.plan.after,
        ]

    def lines(self) -> Iterator[str]:
        layout = self._layout
        yield from _matrices(layout, transposed=False)
        for at, _ in layout.biases:
            yield f"c{at} = {parts.bias(layout, at)}"
        yield from self._values.constant(self._wanted, self._leaf)
        yield from parts.place("0")
        for s in range(layout.states):
            yield f"s{s} = {load(state_at('history', 'now', s, 'between'))}"
        yield "for t in range(steps):"
        yield from indented(self._step())

    def _step(self) -> Iterator[str]:
        layout = self._layout
        yield from parts.place("t")
        if layout.inputs:
            yield "source = tiles.rows_of_input(ids, member, here, present, vocabulary, gathered)"
        for number in range(len(layout.inputs)):
            yield f"x{number} = {load(tile_at('u', 'source', number, len(layout.inputs)))}"
        yield from self._values.write(self._wanted, self._leaf)
        for number, node in enumerate(layout.kept):
            yield store(tile_at("kept", "here", number, len(layout.kept)), f"v{node}")
        for operand in layout.operands:
            if operand.kind == "computed":
                at = tile_at("operands", "here", operand.index, layout.computed)
                yield store(at, self._values.tile(operand.node))
        for s, node in enumerate(layout.plan.after):
            yield f"s{s} = {self._values.tile(node)}"
            yield store(state_at("history", "now + batch * hidden", s, "between"), f"s{s}")

    def _leaf(self, place: int) -> str | None:
        node = self._layout.schedule.graph.nodes[place]
        if node.op == "state":
            return f"s{node.name}"
        return self._sum(int(node.value)) if node.op == "sum" else parts.parameter(self._layout, place)

    def _sum(self, number: int) -> str:
        layout = self._layout
        at = layout.sums.index(number)
        if at < len(layout.inputs):
            total = f"x{at}"
        else:
            begin = [f"c{at}"] if parts.bias(layout, at) else []
            total = " + ".join(["tl.zeros((rows, width), dtype)", *begin])
        for w, product in enumerate(layout.products):
            if product.sum == at:
                operand = layout.operands[product.operand]
                left = f"s{operand.index}" if operand.kind == "before" else self._values.tile(operand.node)
                total = f"tiles.add_dot({total}, {left}, w{w}, precision)"
        return total


class _Backward:
    def __init__(self, layout: Layout) -> None:
        self._layout, self._values = layout, Values(layout, "width")

    def lines(self) -> Iterator[str]:
        layout = self._layout
        yield from _matrices(layout, transposed=True)
        wanted = [node for steps in layout.schedule.backward for _, _, node in steps.stores]
        yield from self._values.constant(wanted, self._leaf)
        yield "end = (member * batch + row) * hidden"
        for s in range(layout.states):
            yield f"g{s} = {load(state_at('dstate', 'end', s, 'members * batch * hidden'))}"
        for number in range(len(layout.vectors)):
            yield f"q{number} = tl.zeros((rows, width), dtype)"
        yield "for back in range(steps):"
        yield from indented(self._step())
        for s in range(layout.states):
            yield store(state_at("dstate", "end", s, "members * batch * hidden"), f"g{s}")
        for number in range(len(layout.vectors)):
            rows = "(member * batch + row)"
            yield store(tile_at("dvectors", rows, number, len(layout.vectors)), f"q{number}")

    def _step(self) -> Iterator[str]:
        layout = self._layout
        yield from parts.place("(steps - 1 - back)")
        yield f"g0 = g0 + {load(tile_at('doutputs', 'here', 0, 1))}"
        for phase in reversed(range(layout.plan.phases)):
            yield from self._phase(phase)
        for w, product in enumerate(layout.products):
            operand = layout.operands[product.operand]
            if operand.kind == "before":
                total = f"b{operand.index}"
                yield f"{total} = tiles.add_dot({total}, {self._gradient(product.sum)}, w{w}, precision)"
        for s in range(layout.states):
            yield f"g{s} = b{s}"

    def _phase(self, phase: int) -> Iterator[str]:
        layout, values = self._layout, self._values
        stores = [each for each in layout.schedule.backward[phase].stores if each[0] not in ("set_operand", "cross")]
        yield from values.write([node for _, _, node in stores], self._leaf)
        for what, numbers, node in stores:
            value = values.tile(node)
            match what:
                case "set_d_sum":
                    at = layout.place_of(numbers)
                    yield store(tile_at("dsums", "here", at, len(layout.sums)), value)
                case "set_d_before":
                    yield f"b{numbers[0]} = {value}"
                case "add_d_before":
                    yield f"b{numbers[0]} = b{numbers[0]} + {value}"
                case "add_d_vector":
                    yield f"q{numbers[0]} = q{numbers[0]} + {value}"

    def _gradient(self, place: int) -> str:
        return self._values.tile(self._layout.gradients[place])

    def _leaf(self, place: int) -> str | None:
        layout = self._layout
        if not layout.varies[place]:
            return parts.parameter(layout, place)
        node = layout.schedule.graph.nodes[place]
        if place in layout.kept:
            return load(tile_at("kept", "here", layout.kept.index(place), len(layout.kept)))
        match node.op:
            case "d_after":
                return f"g{node.name}"
            case "d_operand":
                return self._of_operand(int(node.name))
            case "state":
                return load(state_at("history", "now", int(node.name), "between"))
        if place in layout.plan.after:
            s = layout.plan.after.index(place)
            return load(state_at("history", "now + batch * hidden", s, "between"))
        return None

    def _of_operand(self, number: int) -> str:
        total = "tl.zeros((rows, width), dtype)"
        for w, product in enumerate(self._layout.products):
            if product.operand == number:
                total = f"tiles.add_dot({total}, {self._gradient(product.sum)}, w{w}, precision)"
        return total
