"""/v1/cells: the published cells, and checks of any other equations."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from gatelab.costs import counts
from gatelab.equations import InvalidEquations, Representation, read
from gatelab.equations.advice import advice
from gatelab.equations.bounds import CHARACTERS
from gatelab.equations.typeset import mathml, typeset
from gatelab.equations.zoo import zoo
from gatelab.errors import InvalidRequest
from gatelab.specs.base import Spec, Text
from gatelab.specs.cells import CellSpec, EquationsSpec, GruSpec, Hidden
from gatelab.wire.base import Page
from gatelab.wire.cells import CellAdvice, CellNode, CellParameter, CheckedCell, PublishedCell
from service.computing import computing
from service.routing import Router
from service.views import whole

router = Router(prefix="/v1/cells", tags=["cells"])


class CellCheck(Spec):
    """The body of POST /v1/cells/check."""

    # The route reads this in a thread; reading it here would block everybody.
    equations: Annotated[Text, Field(min_length=1, max_length=CHARACTERS)]
    hidden: Hidden = 32
    inputs: Annotated[int, Field(ge=1, le=10_000_000)] = Field(
        28, description="size of the input: the vocabulary of a one-hot input, or the embedding"
    )


@router.get("")
def list_cells() -> Page[PublishedCell]:
    """List the published cells that come with Gatelab."""
    return whole(map(published, sorted(zoo())))


@router.post("/check")
@computing
def check_cell(body: CellCheck) -> CheckedCell:
    """Check equations: their parameters, gates, costs and typeset form. 422 says what is wrong with them."""
    try:
        found = read(body.equations)
    except InvalidEquations as error:
        raise InvalidRequest(error.problems) from None
    spec = EquationsSpec(kind="equations", hidden=body.hidden, equations=body.equations)
    formulas = typeset(body.equations)
    flops = _flops(spec, body.inputs)
    return CheckedCell(
        digest=spec.digest,
        states=list(found.states),
        gates=list(found.gates),
        parameters=list(_parameters(found, body.inputs, body.hidden)),
        parameter_count=found.count(body.inputs, body.hidden),
        stages=max(found.stages),
        products=counts(spec).products,
        flops=flops,
        beside_gru=flops / _flops(GruSpec(kind="gru", hidden=body.hidden), body.inputs),
        latex=[formula.latex for formula in formulas],
        mathml=mathml(formulas),
        advice=[CellAdvice(code=each.code, name=each.name, message=each.message) for each in advice(found)],
        nodes=[
            CellNode(op=node.op, operands=list(node.operands), name=node.name, value=node.value, stage=stage)
            for node, stage in zip(found.nodes, found.stages, strict=True)
        ],
        after=list(found.after),
    )


def published(name: str) -> PublishedCell:
    cell = zoo()[name]
    return PublishedCell(
        name=name,
        title=cell.title,
        source=cell.source,
        equations=cell.equations,
        states=list(cell.representation.states),
        gates=list(cell.representation.gates),
    )


def _parameters(found: Representation, inputs: int, hidden: int) -> Iterable[CellParameter]:
    for parameter in found.parameters:
        count = 1
        for size in parameter.shape(inputs, hidden):
            count *= size
        yield CellParameter(
            name=parameter.name,
            shape=_SHAPES[parameter.kind],
            count=count,
            initial=parameter.initial,
        )


_SHAPES: dict[str, list[Literal["inputs", "hidden"]]] = {
    "input_matrix": ["inputs", "hidden"],
    "matrix": ["hidden", "hidden"],
    "vector": ["hidden"],
    "scalar": [],
}


def _flops(cell: CellSpec, inputs: int) -> int:
    """Operations of one layer whose input is not a one-hot row, without the head."""
    hidden, found = cell.hidden, counts(cell)
    return 2 * hidden * (found.products * hidden + found.input_matrices * inputs)
