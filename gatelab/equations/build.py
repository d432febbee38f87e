"""From syntax trees to the representation, with every check of meaning on the way."""

from collections.abc import Sequence
from typing import Literal, NoReturn

from gatelab.equations import bounds
from gatelab.equations.functions import ARGUMENTS, GATE_FUNCTIONS, INPUT, KEYWORDS, REDUCTIONS
from gatelab.equations.mistakes import InvalidEquations, Place
from gatelab.equations.representation import Kind, Node, Parameter, Representation
from gatelab.equations.reserved import RESERVED
from gatelab.equations.syntax import (
    Assignment,
    Binary,
    Call,
    Declaration,
    Expression,
    Line,
    Minus,
    Name,
    Number,
    Product,
)
from gatelab.spelling import did_you_mean, nearest

OUTPUT = "h"


class Builder:
    """Builds a representation line by line."""

    def __init__(self, lines: Sequence[Line], text: str) -> None:
        self._lines, self._text = lines, text
        self._nodes: list[Node] = []
        self._places: dict[Node, int] = {}
        self._declared: dict[str, Declaration] = {}
        self._parameters: dict[str, Kind] = {}
        self._values: dict[str, int] = {}
        self._assigned: dict[str, Place] = {}
        self._read: set[str] = set()
        self._gates: dict[str, int] = {}
        assignments = [line for line in lines if isinstance(line, Assignment)]
        self._states = dict.fromkeys(line.name.text[:-1] for line in assignments if line.name.text.endswith("'"))

    def build(self) -> Representation:
        """
        Raises:
            InvalidEquations: naming the first mistake and its place.
        """
        if OUTPUT not in self._states:
            self._fail_without_output()
        if len(self._states) > bounds.STATES:
            raise InvalidEquations(f"there are {len(self._states)} states; at most {bounds.STATES} are allowed")
        for line in self._lines:
            if isinstance(line, Declaration):
                self._declare(line)
            else:
                self._assign(line)
        self._check_all_read()
        if not any(node.op == "read" for node in self._nodes):
            raise InvalidEquations("the input x is not used: multiply it by a matrix, as in W @ x")
        states = (OUTPUT, *(state for state in self._states if state != OUTPUT))
        found = Representation(
            tuple(self._nodes),
            states,
            tuple(self._values[f"{state}'"] for state in states),
            tuple(Parameter(name, kind, self._initial(name)) for name, kind in self._parameters.items()),
            self._gates,
        )
        self._check_work(found)
        return found

    # -- Lines --------------------------------------------------------------------------------------------------------

    def _declare(self, line: Declaration) -> None:
        self._check_new(line.name, line.place)
        if line.kind == "matrix" and not line.name[0].isupper():
            self._fail(f"matrices begin with a capital letter, not {line.name}", line.place)
        if line.kind != "matrix" and line.name[0].isupper():
            self._fail(f"a {line.kind} begins with a small letter, not {line.name}", line.place)
        self._declared[line.name] = line
        self._assigned[line.name] = line.place

    def _assign(self, line: Assignment) -> None:
        name, place = line.name.text, line.name.place
        self._check_new(name, place)
        if name in self._states:
            self._fail(f"{name} is a state: its value after the step is {name}'", place)
        node = self._node(line.value)
        if name.endswith("'"):
            if line.gate:
                self._fail(f"{name} is a state and cannot be marked as a gate", place)
            if self._nodes[node].scalar:
                self._fail(f"{name} is one number for all units: a state needs a vector", place)
        elif line.gate or self._nodes[node].op in GATE_FUNCTIONS:
            node = self._add(Node("gate", (node,), name, scalar=self._nodes[node].scalar))
            self._gates[name] = node
        self._values[name] = node
        self._assigned[name] = place

    def _check_new(self, name: str, place: Place) -> None:
        bare = name.removesuffix("'")
        if bare in ARGUMENTS or bare in KEYWORDS or bare == INPUT:
            self._fail(f"{bare} is a word of the language and cannot be defined", place)
        if name in self._assigned:
            self._fail(f"{name} is already defined in line {self._assigned[name].line}", place)

    # -- Expressions --------------------------------------------------------------------------------------------------

    def _node(self, expression: Expression) -> int:
        match expression:
            case Number(value):
                return self._add(Node("number", value=value, scalar=True))
            case Name(text, place):
                return self._named(text, place)
            case Minus(operand):
                return self._operation("negative", self._node(operand))
            case Call(function, (argument,), place) if function in REDUCTIONS:
                return self._reduction(function, self._node(argument), place)
            case Call(function, arguments):
                return self._operation(function, *map(self._node, arguments))
            case Binary():
                return self._binary(expression)
            case Product():
                return self._product(expression)

    def _binary(self, expression: Binary) -> int:
        """A sum of many terms is deep on its left: it is walked without recursion."""
        spine: list[Binary] = []
        left: Expression = expression
        while isinstance(left, Binary):
            spine.append(left)
            left = left.left
        found = self._node(left)
        for each in reversed(spine):
            found = self._operation(each.operator, found, self._node(each.right))
        return found

    def _operation(self, op: str, *places: int) -> int:
        return self._add(Node(op, places, scalar=all(self._nodes[place].scalar for place in places)))

    def _reduction(self, function: str, operand: int, place: Place) -> int:
        if self._nodes[operand].scalar:
            self._fail(f"{function} needs a vector, and this is one number for all units", place)
        return self._add(Node(function, (operand,), scalar=True))

    def _product(self, product: Product) -> int:
        matrix, place = product.matrix.text, product.matrix.place
        if not matrix[0].isupper() or matrix.endswith("'"):
            self._fail(f"{matrix} is not a matrix: matrices begin with a capital letter, as in W_r @ x", place)
        if isinstance(product.operand, Name) and product.operand.text == INPUT:
            self._use(matrix, "input_matrix", place)
            return self._add(Node("read", (), matrix))
        operand = self._node(product.operand)
        if self._nodes[operand].scalar:
            self._fail(f"{matrix} @ needs a vector, and this is one number for all units", product.place)
        self._use(matrix, "matrix", place)
        return self._add(Node("@", (operand,), matrix))

    def _named(self, name: str, place: Place) -> int:
        if name == INPUT:
            self._fail("x has the size of the input: it can only be multiplied by a matrix, as in W @ x", place)
        if name[0].isupper():
            self._fail(f"a matrix must multiply something: write {name} @ ...", place)
        if name in self._values:
            self._read.add(name)
            return self._values[name]
        if name in self._states:
            self._read.add(name)
            return self._add(Node("state", name=name))
        declared = self._declared.get(name)
        if declared is not None or name == "b" or name.startswith("b_"):
            kind: Kind = "scalar" if declared is not None and declared.kind == "scalar" else "vector"
            self._use(name, kind, place)
            return self._add(Node("parameter", name=name, scalar=kind == "scalar"))
        return self._fail_unknown(name, place)

    def _use(self, name: str, kind: Kind, place: Place) -> None:
        """A parameter occurs, and by what it is used with, it is of this kind."""
        self._read.add(name)
        before = self._parameters.setdefault(name, kind)
        if before != kind:
            self._fail(f"{name} multiplies both x and a vector of hidden units: use two matrices", place)
        if name in RESERVED:
            self._fail(f"{name} is a reserved name: choose another one", place)
        declared = self._declared.get(name)
        if kind == "input_matrix" and declared is not None and declared.initial == "identity":
            self._fail(f"{name} is not square, so it cannot start as the identity", declared.place)
        if len(self._parameters) > bounds.PARAMETERS:
            self._fail(f"there are more than {bounds.PARAMETERS} parameters", place)

    # -- Nodes --------------------------------------------------------------------------------------------------------

    def _add(self, node: Node) -> int:
        place = self._places.setdefault(node, len(self._nodes))
        if place == len(self._nodes):
            self._nodes.append(node)
        if len(self._nodes) > bounds.NODES:
            raise InvalidEquations(f"there are more than {bounds.NODES} operations")
        return place

    def _initial(self, name: str) -> float | Literal["identity"] | None:
        declared = self._declared.get(name)
        return declared.initial if declared else None

    # -- Checks of the whole ------------------------------------------------------------------------------------------

    def _check_all_read(self) -> None:
        """Check that every line is used: its name is read, or it is a state whose old value is read."""
        for name, place in self._assigned.items():
            state = name.removesuffix("'") if name.endswith("'") else None
            used = {name, state} & self._read if state else name in self._read
            if not used and state != OUTPUT:
                what = f"neither {state} nor {name} is" if state else f"{name} is not"
                self._fail(f"{what} used: use it in another line, or leave this one out", place)

    def _check_work(self, found: Representation) -> None:
        if (stages := max(found.stages)) > bounds.STAGES:
            raise InvalidEquations(
                f"{stages} recurrent products must be computed one after another; at most {bounds.STAGES} are allowed"
            )
        products = sum(node.op in ("read", "@") for node in found.nodes)
        if products > bounds.PRODUCTS:
            raise InvalidEquations(
                f"there are {products} products with matrices; at most {bounds.PRODUCTS} are allowed"
            )
        if (means := sum(node.op in REDUCTIONS for node in found.nodes)) > bounds.MEANS:
            raise InvalidEquations(f"there are {means} means over the units; at most {bounds.MEANS} are allowed")

    # -- Mistakes -----------------------------------------------------------------------------------------------------

    def _fail_without_output(self) -> NoReturn:
        plain = next((line for line in self._lines if isinstance(line, Assignment) and line.name.text == OUTPUT), None)
        message = "there is no line h' = ...: h is the output, and h' its value after the step"
        raise InvalidEquations(message, plain.name.place if plain else None, self._text)

    def _fail_unknown(self, name: str, place: Place) -> NoReturn:
        if name.endswith("'"):
            state = name[:-1]
            later = state in self._states
            message = f"{name} is used before the line that defines it" if later else f"there is no line {name} = ..."
            self._fail(message, place)
        later = any(isinstance(line, Assignment) and line.name.text == name for line in self._lines)
        if later:
            self._fail(f"{name} is used before the line that defines it", place)
        known = {*self._values, *self._states, *self._declared}
        otherwise = f"; a parameter needs a line `vector {name}`, a state a line {name}' = ..."
        hint = did_you_mean(nearest(name, sorted(known))) or otherwise
        self._fail(f"{name} is not defined{hint}", place)

    def _fail(self, message: str, place: Place) -> NoReturn:
        raise InvalidEquations(message, place, self._text)
