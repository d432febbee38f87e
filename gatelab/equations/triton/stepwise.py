"""One launch for each phase of a step, for recurrent weights that do not fit on chip: every program computes one tile
of columns. A product needs all columns that another launch wrote.
"""

from collections.abc import Iterator

from gatelab.equations.triton import parts
from gatelab.equations.triton.layout import Layout, Product
from gatelab.equations.triton.parts import indented, load, state_at, store, tile_at
from gatelab.equations.triton.values import Values

BATCH_ROWS = "(member * batch + row)"


def forward(layout: Layout, phase: int) -> Iterator[str]:
    """Step t: the values that the phase computes for others."""
    arguments = f"{parts.FORWARD}, t, {parts.SIZES}, vocabulary"
    yield from parts.head(f"forward_{phase}", arguments, ("gathered", "rows", "width", "precision"), one_step=True)
    yield from indented(_Forward(layout, phase).lines())


def backward(layout: Layout, phase: int) -> Iterator[str]:
    """The backward pass through a phase, to the gradients of its sums.

    At the start, `dstate` is the gradient of the states before step t without the part through products with them. The
    last phase begins with those products and, unless t is 0, continues to step t - 1; the others compute step t.
    """
    arguments = f"{parts.BACKWARD}, t, {parts.SIZES}"
    yield from parts.head(f"backward_{phase}", arguments, ("rows", "width", "precision"), one_step=True)
    yield from indented(_Backward(layout, phase).lines())


def _add_product(total: str, left: str, rows: str, matrix: int, matrices: int, *, transposed: bool) -> str:
    """`total` plus a tile of a product with a recurrent matrix."""
    right = f"weight + (member * hidden * {matrices} + {matrix}) * hidden"
    strides = f"{matrices} * hidden, 1" if transposed else f"1, {matrices} * hidden"
    return f"tiles.add_product({total}, {left}, {right}, {rows}, column, present, hidden, {strides}, width, precision)"


class _Forward:
    def __init__(self, layout: Layout, phase: int) -> None:
        self._layout, self._steps = layout, layout.schedule.forward[phase]
        self._values = Values(layout, "width")

    def lines(self) -> Iterator[str]:
        layout, values = self._layout, self._values
        yield from parts.place("t")
        if any(what == "sum" and layout.sums.index(number) < len(layout.inputs) for what, number in self._loads()):
            yield "source = tiles.rows_of_input(ids, member, here, present, vocabulary, gathered)"
        stores = [each for each in self._steps.stores if each[0] != "keep" or each[2] in layout.kept]
        yield from values.write([node for _, _, node in stores], self._leaf)
        for what, numbers, node in stores:
            yield store(self._target(what, numbers[0], node), values.tile(node))

    def _loads(self) -> list[tuple[str, int]]:
        return list(self._steps.loads.values())

    def _target(self, what: str, number: int, node: int) -> str:
        layout = self._layout
        match what:
            case "set_operand":
                return tile_at("operands", "here", number, layout.computed)
            case "set_after":
                return state_at("history", "now + batch * hidden", number, "between")
        return tile_at("kept", "here", layout.kept.index(node), len(layout.kept))

    def _leaf(self, place: int) -> str | None:
        layout = self._layout
        if not layout.varies[place]:
            return parts.parameter(layout, place)
        what, number = self._steps.loads.get(place, ("", 0))
        match what:
            case "before":
                return load(state_at("history", "now", number, "between"))
            case "after":
                return load(state_at("history", "now + batch * hidden", number, "between"))
            case "kept":
                return load(tile_at("kept", "here", layout.kept.index(place), len(layout.kept)))
            case "sum":
                return self._sum(layout.sums.index(number))
        return None

    def _sum(self, at: int) -> str:
        layout = self._layout
        total = "tl.zeros((rows, width), dtype)"
        if at < len(layout.inputs):
            total = load(tile_at("u", "source", at, len(layout.inputs)))
        elif (begin := parts.bias(layout, at)) is not None:
            total = f"{total} + {begin}"
        for number, product in enumerate(layout.products):
            if product.sum == at:
                left, rows = self._left(product)
                total = _add_product(total, left, rows, number, len(layout.products), transposed=False)
        return total

    def _left(self, product: Product) -> tuple[str, str]:
        """The array that holds the operand, and where its rows begin."""
        operand = self._layout.operands[product.operand]
        if operand.kind == "computed":
            return "operands", f"(here * {self._layout.computed} + {operand.index}) * hidden"
        rows = "now" if operand.kind == "before" else "now + batch * hidden"
        return f"history + {operand.index} * between", rows


class _Backward:
    def __init__(self, layout: Layout, phase: int) -> None:
        self._layout, self._steps = layout, layout.schedule.backward[phase]
        self._last = phase == layout.plan.phases - 1
        self._values = Values(layout, "width")

    def lines(self) -> Iterator[str]:
        if not self._last:
            yield from parts.place("t")
            yield from self._step()
            return
        layout = self._layout
        yield "end = (member * batch + row) * hidden"
        for s in range(layout.states):
            yield f"b{s} = {load(self._of_state('dstate', s))}"
        if any(operand.kind == "before" for operand in layout.operands):
            yield "if t < steps:"
            yield from indented(self._through_products())
        yield "if t > 0:"
        yield from indented(parts.place("(t - 1)"))
        yield from indented(self._step())
        for s in range(layout.states):
            yield store(self._of_state("dstate", s), f"b{s}")

    def _through_products(self) -> Iterator[str]:
        layout = self._layout
        yield "here = (member * steps + t) * batch + row"
        for number, product in enumerate(layout.products):
            operand = layout.operands[product.operand]
            if operand.kind == "before":
                yield f"b{operand.index} = {self._product(f'b{operand.index}', number, product)}"

    def _step(self) -> Iterator[str]:
        layout, values = self._layout, self._values
        if self._last:
            yield f"b0 = b0 + {load(tile_at('doutputs', 'here', 0, 1))}"
            if layout.keeps_gradient_of_after:
                for s in range(layout.states):
                    yield store(self._of_state("dafter", s), f"b{s}")
        else:
            yield "end = (member * batch + row) * hidden"
        stores = [each for each in self._steps.stores if each[0] != "set_operand"]
        yield from values.write([node for _, _, node in stores], self._leaf)
        for each in stores:
            yield self._stored(*each)

    def _stored(self, what: str, numbers: tuple[int, ...], node: int) -> str:
        layout, value = self._layout, self._values.tile(node)
        match what:
            case "set_d_sum":
                return store(tile_at("dsums", "here", layout.place_of(numbers), len(layout.sums)), value)
            case "set_d_before":
                return f"b{numbers[0]} = {value}"
            case "add_d_before" if self._last:
                return f"b{numbers[0]} = b{numbers[0]} + {value}"
            case "add_d_before":
                return self._added(self._of_state("dstate", numbers[0]), value)
            case "add_d_vector":
                return self._added(tile_at("dvectors", BATCH_ROWS, numbers[0], len(layout.vectors)), value)
        return store(self._crossing(numbers[0]), value)

    @staticmethod
    def _added(address: str, value: str) -> str:
        return store(address, f"{load(address)} + {value}")

    def _leaf(self, place: int) -> str | None:
        layout = self._layout
        if not layout.varies[place]:
            return parts.parameter(layout, place)
        if place in layout.kept and self._steps.loads.get(place, ("", 0))[0] == "kept":
            return load(tile_at("kept", "here", layout.kept.index(place), len(layout.kept)))
        node = layout.schedule.graph.nodes[place]
        if node.op == "state":
            return load(state_at("history", "now", int(node.name), "between"))
        what, number = self._steps.loads.get(place, ("", 0))
        match what:
            case "d_after":
                # From here on, the given gradients of the states after the step replace those that `b` holds now.
                return f"b{number}" if self._last else load(self._of_state("dafter", number))
            case "d_operand":
                return self._of_operand(number)
            case "crossing":
                return load(self._crossing(number))
        if place in layout.plan.after:
            s = layout.plan.after.index(place)
            return load(state_at("history", "now + batch * hidden", s, "between"))
        return None

    def _of_state(self, array: str, number: int) -> str:
        return state_at(array, "end", number, "members * batch * hidden")

    def _crossing(self, number: int) -> str:
        return tile_at("crossing", BATCH_ROWS, number, len(self._layout.schedule.crossing))

    def _of_operand(self, number: int) -> str:
        total = "tl.zeros((rows, width), dtype)"
        for matrix, product in enumerate(self._layout.products):
            if product.operand == number:
                total = self._product(total, matrix, product)
        return total

    def _product(self, total: str, matrix: int, product: Product) -> str:
        rows = f"(here * {len(self._layout.sums)} + {product.sum}) * hidden"
        return _add_product(total, "dsums", rows, matrix, len(self._layout.products), transposed=True)
