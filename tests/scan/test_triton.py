"""The Triton scan equals the reference, for every cell, in both forms. Without a GPU its kernels are interpreted."""

import copy
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from gatelab.cells import Cell, build
from gatelab.cells.cell import OPERATIONS
from gatelab.equations import read
from gatelab.equations.functions import REDUCTIONS
from gatelab.equations.triton.generate import generate
from gatelab.equations.triton.layout import Layout
from gatelab.equations.zoo import zoo
from gatelab.scan.reference import scan
from gatelab.specs import CellSpec, EquationsSpec, GruSpec, LstmSpec, ModelSpec, RnnSpec
from gatelab.specs.engine_support import lacking
from gatelab.specs.training import Precision
from gatelab.training.engines.rounding import RoundedProducts
from tests import servers
from tests.random_cells import TIES, random_equations
from tests.randomized import CLASSIC, assert_close, cell_name, random_states, randomize, tensor
from tests.rounding import FLIPS, assert_as_near, assert_rounded
from tests.scan.shapes import SHAPES

if sys.platform != "linux":
    pytest.skip(servers.ONLY_LINUX, allow_module_level=True)

from gatelab.scan import triton
from gatelab.scan.triton import products

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
FORMS: tuple[triton.Form, ...] = ("persistent", "stepwise")
INPUTS = 5

USUAL = {"fastgrnn", "lem", "lstm_peephole", "mi_gru", "minlstm", "mut3", "slstm"}
"""Published cells that together cover all special cases of the generator; the others are in the long tests."""
KNOWN = {
    name: cell.equations
    for name, cell in zoo().items()
    if not lacking("triton", ModelSpec(cell=EquationsSpec(kind="equations", equations=cell.equations)))
}
"""The published cells that Triton has code for."""
ZOO = [name if name in USUAL else pytest.param(name, marks=pytest.mark.long) for name in sorted(KNOWN)]
ALL = KNOWN | SHAPES


@pytest.fixture(autouse=True)
def padding() -> Iterator[None]:
    """Columns and rows that only fill a tile may divide 0 by 0, about which the interpreter would warn."""
    with np.errstate(all="ignore"):
        yield


@dataclass(frozen=True)
class Pack:
    """Cells of one shape, ids to read (members, steps, batch) and a state to begin from."""

    spec: CellSpec
    cells: list[Cell]
    ids: Tensor
    state: Tensor

    def alone(self, member: int) -> "Pack":
        one = slice(member, member + 1)
        return Pack(self.spec, self.cells[one], self.ids[one], self.state[:, one].detach().requires_grad_())

    def single(self) -> "Pack":
        """The same inputs in single precision."""
        cells = [copy.deepcopy(cell).float() for cell in self.cells]
        return Pack(self.spec, cells, self.ids, self.state.detach().float().requires_grad_())

    @property
    def variables(self) -> list[Tensor]:
        return [self.state, *(parameter for cell in self.cells for parameter in cell.parameters())]


def random_pack(
    spec: CellSpec, random: np.random.Generator, members: int = 2, steps: int = 3, batch: int = 5, hidden: int = 7
) -> Pack:
    spec = spec.model_copy(update={"hidden": hidden})
    cells = [build(spec, INPUTS) for _ in range(members)]
    for cell in cells:
        randomize(cell, random)
        cell.to(DEVICE)
        for name, parameter in cell.named_parameters():
            if name.startswith("U"):
                parameter.data /= hidden**0.5
    ids = torch.from_numpy(random.integers(0, INPUTS, size=(members, steps, batch))).to(DEVICE)
    state = torch.stack(random_states(random, cells[0].states, members, batch, hidden)).to(DEVICE)
    return Pack(spec, cells, ids, state.requires_grad_())


def by_reference(pack: Pack) -> tuple[Tensor, Tensor]:
    """Outputs (members, steps, batch, hidden) and last state (tensors, members, batch, hidden)."""
    results = [
        scan(cell, ids, tuple(state))
        for cell, ids, state in zip(pack.cells, pack.ids, pack.state.unbind(1), strict=True)
    ]
    return torch.stack([outputs for outputs, _ in results]), torch.stack([torch.stack(s) for _, s in results], dim=1)


def by_triton(pack: Pack, form: triton.Form, gathered: bool, precision: Precision = "fp32") -> tuple[Tensor, Tensor]:
    code = triton.code_of(pack.spec.representation)
    hidden = pack.state.shape[-1]
    own = {name: torch.stack([cell.get_parameter(name) for cell in pack.cells]) for name in names_of(pack.cells[0])}
    none = pack.state.new_zeros(len(pack.cells), hidden)
    biases = beside([none if letter is None else own[letter] for _, letter in code.inputs])
    matrices = beside([own[letter] for letter, _ in code.inputs])
    assert matrices is not None
    assert biases is not None
    table, ids = matrices + biases[:, None], pack.ids
    u = table if gathered else torch.stack([rows[x] for rows, x in zip(table, ids, strict=True)])
    weight, bias = (beside([own[letter] for letter in letters]) for letters in (code.matrices, code.biases))
    vectors = [triton.spread(own[name], hidden) if own[name].dim() == 1 else own[name] for name in code.vectors]
    return triton.scan(code, u, ids if gathered else None, weight, bias, beside(vectors), pack.state, form, precision)


def names_of(cell: Cell) -> list[str]:
    return [name for name, _ in cell.named_parameters()]


def beside(tensors: list[Tensor]) -> Tensor | None:
    return torch.cat(tensors, dim=-1) if tensors else None


def slopes(results: tuple[Tensor, Tensor], factors: list[Tensor], pack: Pack) -> tuple[Tensor, ...]:
    """The gradients of a weighted sum of all results."""
    total = torch.stack([(result * factor).sum() for result, factor in zip(results, factors, strict=True)]).sum()
    return torch.autograd.grad(total, pack.variables)


def check(pack: Pack, form: triton.Form, gathered: bool, random: np.random.Generator) -> None:
    expected, found = by_reference(pack), by_triton(pack, form, gathered)
    factors = [tensor(random, *result.shape).to(DEVICE) for result in expected]
    assert_close(found, expected)
    assert_close(slopes(found, factors, pack), slopes(expected, factors, pack))


# -- The reference ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("spec", CLASSIC, ids=cell_name)
def test_every_cell_has_the_values_and_gradients_of_the_reference(
    spec: CellSpec, form: triton.Form, random: np.random.Generator
) -> None:
    gathered, members = (True, 2) if form == "persistent" else (False, 1)
    check(random_pack(spec, random, members, steps=2), form, gathered, random)


def written_pack(name: str, random: np.random.Generator, *sizes: int) -> Pack:
    """A pack with a cell of equations."""
    pack = random_pack(EquationsSpec(kind="equations", equations=ALL[name]), random, *sizes)
    for cell in pack.cells:
        for parameter in cell.parameters():
            parameter.data /= 2
    return pack


@pytest.fixture
def exact_slope(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch's own derivative of hard_sigmoid has the slope 1/6 in single precision, whatever it differentiates."""
    monkeypatch.setitem(OPERATIONS, "hard_sigmoid", lambda a: (a + 3).clamp(0, 6) / 6)


@pytest.mark.usefixtures("exact_slope")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", [*ZOO, *SHAPES])
def test_any_cell_has_the_values_and_gradients_of_the_reference(
    name: str, form: triton.Form, random: np.random.Generator
) -> None:
    members, batch, hidden = int(random.integers(1, 3)), int(random.integers(1, 19)), int(random.integers(1, 20))
    check(written_pack(name, random, members, 2, batch, hidden), form, form == "persistent", random)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "name", [*(pytest.param(name, marks=pytest.mark.long) for name in ("lem", "mi_gru")), "minlstm", "slstm", *SHAPES]
)
def test_any_cell_is_in_single_precision_as_near_to_the_truth_as_pytorch(
    name: str, form: triton.Form, random: np.random.Generator
) -> None:
    exact = written_pack(name, random, 1, 3, 6, 17)
    single = exact.single()
    factors = [tensor(random, *result.shape).to(DEVICE) for result in by_reference(exact)]

    def numbers(results: tuple[Tensor, Tensor], of: Pack) -> list[Tensor]:
        gradients = slopes(results, [factor.to(results[0].dtype) for factor in factors], of)
        return [result.detach() for result in (*results, *gradients)]

    truth = numbers(by_reference(exact), exact)

    def apart(found: list[Tensor]) -> dict[str, float]:
        each = zip(found, truth, strict=True)
        return {str(n): float((a - b).norm() / b.norm()) for n, (a, b) in enumerate(each) if b.norm() > 0}

    yardstick = apart(numbers(by_reference(single), single))
    assert_as_near(apart(numbers(by_triton(single, form, gathered=True), single)), yardstick)


@pytest.mark.usefixtures("exact_slope")
@pytest.mark.parametrize("form", FORMS)
def test_random_equations_are_the_reference(form: triton.Form, random: np.random.Generator) -> None:
    equations = random_equations(random, without=REDUCTIONS)
    print(equations)
    spec = EquationsSpec(kind="equations", equations=equations)
    check(random_pack(spec, random, 1, 2, 3, 4), form, form == "stepwise", random)


@pytest.mark.usefixtures("exact_slope")
@pytest.mark.parametrize("form", FORMS)
def test_at_ties_and_bounds_gradients_are_the_references(form: triton.Form, random: np.random.Generator) -> None:
    check(random_pack(EquationsSpec(kind="equations", equations=TIES), random, 2, 1, 5, 9), form, True, random)


def test_no_name_of_a_text_gets_into_the_code() -> None:
    text = (
        "vector p\nimport_os = sigmoid(W_a @ x + U_a @ h + p * evil)\nevil' = tanh(U_c @ (import_os * h))\nh' = evil'"
    )
    other = text.replace("import_os", "r").replace("evil", "c").replace("W_a", "A").replace("U_", "V_")
    code = generate(Layout(read(text)))
    assert code == generate(Layout(read(other)))
    assert not any(word in code for word in ("import_os", "evil", "W_a", "U_c"))


SIZES = [
    pytest.param(GruSpec(kind="gru"), "persistent", 1, 1, 1, id="before-1-1-1"),
    pytest.param(GruSpec(kind="gru"), "stepwise", 1, 18, 33, id="before-1-18-33"),
    pytest.param(LstmSpec(kind="lstm"), "persistent", 2, 17, 33, id="lstm-2-17-33"),
    pytest.param(GruSpec(kind="gru", reset="after"), "stepwise", 2, 1, 35, id="after-2-1-35"),
]


@pytest.mark.parametrize(("spec", "form", "steps", "batch", "hidden"), SIZES)
def test_sizes_need_not_fit_the_tiles(
    spec: CellSpec, form: triton.Form, steps: int, batch: int, hidden: int, random: np.random.Generator
) -> None:
    check(random_pack(spec, random, 1, steps, batch, hidden), form, form == "stepwise", random)


@pytest.mark.parametrize("form", FORMS)
def test_single_precision_is_the_reference_but_for_rounding(form: triton.Form, random: np.random.Generator) -> None:
    steps, batch, hidden = 3, 6, 17
    exact = random_pack(GruSpec(kind="gru"), random, 1, steps, batch, hidden)
    expected = by_reference(exact)
    factors = [tensor(random, *result.shape).to(DEVICE) for result in expected]
    of_exact = slopes(expected, factors, exact)
    single = exact.single()
    found = by_triton(single, form, gathered=True)
    of_single = slopes(found, [factor.float() for factor in factors], single)
    # There and back, and over the batch.
    terms = 2 * steps * (INPUTS + hidden) + steps * batch
    assert_rounded((found, of_single), (expected, of_exact), terms=terms, dtype=torch.float32)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("spec", [GruSpec(kind="gru"), GruSpec(kind="gru", reset="after")], ids=cell_name)
def test_bfloat16_rounds_as_the_reference(spec: GruSpec, form: triton.Form, random: np.random.Generator) -> None:
    pack = random_pack(spec, random, members=1, batch=6, hidden=17).single()
    with RoundedProducts():
        expected = by_reference(pack)
    factors = [tensor(random, *result.shape).float().to(DEVICE) for result in expected]
    found = by_triton(pack, form, gathered=True, precision="bf16")
    single = by_triton(pack, form, gathered=True)
    for mine, theirs in zip(
        (*found, *slopes(found, factors, pack)), (*expected, *slopes(expected, factors, pack)), strict=True
    ):
        assert (mine - theirs).norm() <= FLIPS * theirs.norm()
    assert (single[0] - expected[0]).norm() > 1e-4 * expected[0].norm()


def test_no_steps_keep_the_state(random: np.random.Generator) -> None:
    pack = random_pack(LstmSpec(kind="lstm"), random, steps=0)
    for form in FORMS:
        outputs, last = by_triton(pack, form, gathered=True)
        assert outputs.shape == (2, 0, 5, 7)
        assert torch.equal(last, pack.state)


# -- Members ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_a_member_has_the_same_bits_alone(form: triton.Form, random: np.random.Generator) -> None:
    pack = random_pack(GruSpec(kind="gru"), random, members=2, steps=2).single()
    together = by_triton(pack, form, gathered=True)
    factors = [tensor(random, *result.shape).to(DEVICE).float() for result in together]
    of_pack = dict(zip(map(id, pack.variables), slopes(by_triton(pack, form, True), factors, pack), strict=True))
    for member in range(2):
        one = pack.alone(member)
        alone = by_triton(one, form, gathered=True)
        assert torch.equal(alone[0], together[0][[member]])
        assert torch.equal(alone[1], together[1][:, [member]])
        mine = [factors[0][[member]], factors[1][:, [member]]]
        of_state, *of_parameters = slopes(alone, mine, one)
        assert torch.equal(of_state, of_pack[id(pack.state)][:, [member]])
        parameters = list(pack.cells[member].parameters())
        assert all(torch.equal(g, of_pack[id(p)]) for g, p in zip(of_parameters, parameters, strict=True))


# -- Elementwise --------------------------------------------------------------------------------------------------


def activated(activation: str, values: Tensor) -> Tensor:
    """One step of an RNN without a recurrent weight."""
    rnn = triton.code_of(RnnSpec.model_validate({"kind": "rnn", "activation": activation}).representation)
    weight, state = values.new_zeros(1, len(values), len(values)), values.new_zeros(1, 1, 1, len(values))
    outputs, _ = triton.scan(rnn, values[None, None, None], None, weight, None, None, state)
    return outputs.flatten()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_tanh_is_exact_to_the_last_bits_also_near_zero(dtype: torch.dtype) -> None:
    sizes = torch.logspace(-9, 3, 61, dtype=dtype, device=DEVICE)
    values = torch.cat([-sizes, sizes, sizes.new_tensor([0.0, 0.624999, 0.625, 0.625001])])
    exact = values.double().tanh()
    assert_rounded(activated("tanh", values), exact, terms=3, scale=exact.abs().cpu().numpy(), dtype=dtype)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_a_diverged_state_stays_diverged(activation: str) -> None:
    assert activated(activation, torch.tensor([torch.nan, 1.0], device=DEVICE)).isnan().tolist() == [True, False]


# -- Products and sums --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("span", [None, 50], ids=["at-once", "in-chunks"])
def test_products_are_matrix_products(span: int | None, random: np.random.Generator) -> None:
    a, b = tensor(random, 2, 120, 33).to(DEVICE), tensor(random, 2, 35, 120).to(DEVICE)
    assert_close(products.matmul(a.mT, b.mT, span), a.mT @ b.mT)


def test_rows_are_summed_by_id(random: np.random.Generator) -> None:
    x, ids = tensor(random, 2, 70, 3).to(DEVICE), torch.from_numpy(random.integers(0, 3, size=(2, 70))).to(DEVICE)
    expected = torch.zeros(2, 5, 3, dtype=x.dtype, device=DEVICE)
    for member in range(2):
        expected[member].index_add_(0, ids[member], x[member])
    assert_close(products.segment_sums(x, ids, segments=5), expected)


@pytest.mark.parametrize("numbers", [1, 31, 1000])
def test_totals_are_sums(numbers: int, random: np.random.Generator) -> None:
    x = tensor(random, 3, numbers).to(DEVICE)
    assert_close(triton.totals(x), x.sum(1))
