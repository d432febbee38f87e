"""Which gate values make the state at t depend on the input at t' alone: the chapter's first exercise, by experiment.

python examples/gate_values.py              # the tables of docs/exercises/gate-values.md, in a second
python examples/gate_values.py --trained    # what a network does that was trained to remember, in a minute

Influences are Frobenius norms of the Jacobian of h_t, in double precision, of a network with random weights.
"""

import sys
from collections.abc import Iterable, Sequence

import numpy as np

from gatelab.architecture import parameter_shapes
from gatelab.gates import Clamps, Influence, influence, recall, trace
from gatelab.network import Network
from gatelab.specs import CellSpec, ClampSpec, GruSpec, LstmSpec, ModelSpec, RecallSpec, RnnSpec, RunSpec, parse
from gatelab.text import Corpus
from gatelab.text.memory_tasks import corpus_text, drawn_anew, line_length
from gatelab.training import Evaluated, train

STEPS, ONLY, OUTPUT = 10, 4, 9
"""Steps 0 to 9 are read; h_9 is to depend on x_4 alone."""
HIDDEN, VOCABULARY = 16, 8

BEFORE, AFTER = tuple(range(ONLY)), tuple(range(ONLY + 1, STEPS))
GRU = GruSpec(kind="gru")
RESET_AFTER = GruSpec(kind="gru", reset="after")

Hold = tuple[str, Iterable[int], float]
"""Gate, steps, value."""

ANSWER: Sequence[Hold] = (("update", [ONLY], 0), ("reset", [ONLY], 0), ("update", AFTER, 1))
PUBLISHED: Sequence[Hold] = (
    ("update", BEFORE, 0),
    ("reset", BEFORE, 0),
    ("update", [ONLY], 0),
    ("reset", [ONLY], 1),
    ("update", AFTER, 1),
)
OF_LSTM: Sequence[Hold] = (
    ("output", [ONLY - 1], 0),
    ("forget", [ONLY], 0),
    ("input", [ONLY], 1),
    ("forget", AFTER, 1),
    ("input", AFTER, 0),
    ("output", [ONLY, *AFTER], 1),
)


def main() -> None:
    if "--trained" in sys.argv[1:]:
        show_trained()
        return
    show_answers()
    show_needed()
    show_cells()
    show_leaks()


def measure(cell: CellSpec, holds: Sequence[Hold], seed: int = 0) -> Influence:
    """The influences on h_9 of a cell with random weights whose gates are held so, the others being free."""
    random = np.random.default_rng(seed)
    spec = ModelSpec(cell=cell.model_copy(update={"hidden": HIDDEN}))
    shapes = parameter_shapes(spec, VOCABULARY)
    network = Network(spec, VOCABULARY, {name: random.normal(0, 0.5, shape) for name, shape in shapes.items()})
    ids = random.integers(2, VOCABULARY, STEPS)
    clamps = [ClampSpec(gate=gate, at=tuple(at), value=value) for gate, at, value in holds if tuple(at)]
    return influence(network, ids, OUTPUT, Clamps(clamps, network.layers, STEPS))


def show_answers() -> None:
    """Table 1: which inputs count: free gates, the answer with three pasts, the published answer."""
    print("| gates | h_0 | " + " | ".join(f"x_{step}" for step in range(STEPS)) + " |")
    print("| :-- |" + " --: |" * (STEPS + 1))
    for name, holds in (
        ("all free", ()),
        ("answer, free before", ANSWER),
        ("answer, all gates 1 before", (*ANSWER, ("update", BEFORE, 1), ("reset", BEFORE, 1))),
        ("answer, all gates 0.5 before", (*ANSWER, ("update", BEFORE, 0.5), ("reset", BEFORE, 0.5))),
        ("published", PUBLISHED),
    ):
        found = measure(GRU, holds)
        print(f"| {name} | {number(found.initial_state)} | " + " | ".join(map(number, found.norms)) + " |")
    print()


def show_needed() -> None:
    """Table 2: the answer without one of its three parts."""
    print("| left free | inputs with influence | greatest of the others / x_4 |")
    print("| :-- | :-- | --: |")
    for index, name in enumerate(("z at 4", "r at 4", "z after 4")):
        found = measure(GRU, [hold for number, hold in enumerate(ANSWER) if number != index])
        print(f"| {name} | {inputs(found)} | {leak(found):.3g} |")
    print()


def show_cells() -> None:
    """Table 3: what each cell can do."""
    update = GruSpec(kind="gru", gates=("update",))
    reset = GruSpec(kind="gru", gates=("reset",))
    print("| cell | gates held | inputs with influence | h_0 |")
    print("| :-- | :-- | :-- | --: |")
    for name, cell, held, holds in (
        ("GRU, reset before", GRU, "z = r = 0 at 4, z = 1 after", ANSWER),
        ("GRU, reset after", RESET_AFTER, "z = r = 0 at 4, z = 1 after", ANSWER),
        ("LSTM", LstmSpec(kind="lstm"), "o = 0 at 3; f = 0, i = 1 at 4; f = 1, i = 0 after; o = 1 from 4", OF_LSTM),
        ("update gate only", update, "z = 1 but at 4, z = 0 at 4", (("update", (*BEFORE, *AFTER), 1), ANSWER[0])),
        ("reset gate only", reset, "r = 0 at 4", (ANSWER[1],)),
        ("tanh RNN", RnnSpec(kind="rnn"), "it has none", ()),
    ):
        found = measure(cell, holds)
        print(f"| {name} | {held} | {inputs(found)} | {number(found.initial_state)} |")
    print()


def show_leaks() -> None:
    """Table 4: the answer with gates that come within epsilon of their limits."""
    print("| epsilon | activation before the sigmoid | x_4 | greatest of the others | of the others / x_4 | h_0 |")
    print("| --: | --: | --: | --: | --: | --: |")
    for epsilon in (0, 1e-6, 1e-4, 1e-3, 1e-2, 0.03, 0.1, 0.2, 0.3):
        near = [(gate, at, abs(value - epsilon)) for gate, at, value in ANSWER]
        found = measure(GRU, near)
        before = "infinite" if epsilon == 0 else f"{np.log((1 - epsilon) / epsilon):.1f}"
        others = np.delete(found.norms, ONLY).max()
        shares = f"{number(found.norms[ONLY])} | {number(others)} | {number(leak(found))}"
        print(f"| {epsilon:g} | {before} | {shares} | {number(found.initial_state)} |")
    print()


def number(value: float) -> str:
    """Three digits; what is exactly 0 is 0 and nothing else."""
    return "0" if value == 0 else f"{value:.3g}"


def inputs(found: Influence) -> str:
    return ", ".join(f"x_{step}" for step in np.flatnonzero(found.norms))


def leak(found: Influence) -> float:
    """The greatest influence of another input, as a share of that of x_4."""
    return float(np.delete(found.norms, ONLY).max() / found.norms[ONLY])


# -- A network that was trained to remember --------------------------------------------------------------------------

TASK = RecallSpec(kind="recall", lag=8)


def trained(cell: CellSpec, epochs: int = 20, seed: int = 0) -> Evaluated:
    """The end of a training on delayed recall over 8 characters of noise."""
    data = {
        "corpus": "memory",
        "model": {"cell": cell.model_copy(update={"hidden": 32}).model_dump()},
        "training": {
            "num_steps": line_length(TASK),
            "batch_size": 32,
            "optimizer": {"kind": "adam", "lr": 0.01},
            "epochs": epochs,
            "seed": seed,
            "sample": None,
            "gate_statistics": True,
        },
    }
    events = train(parse(RunSpec, data), Corpus("memory", corpus_text(TASK)))
    return [event for event in events if isinstance(event, Evaluated)][-1]


def show_trained() -> None:
    """What h at the question mark depends on, and what the update gate does; means over 50 lines.

    The keeper is the unit whose update gate opens most for the symbol and keeps most of it in the noise.
    """
    print(
        "| cell | recall | z at the symbol | z in the noise | most remembering unit: z at the symbol | in the noise |"
    )
    print("| :-- | --: | --: | --: | --: | --: |")
    rows, ends = [], []
    for name, cell in (("both gates", GRU), ("update gate only", GruSpec(kind="gru", gates=("update",)))):
        ends.append(trained(cell))
        checkpoint = ends[-1].checkpoint()
        network, tokenizer = Network.of(checkpoint), checkpoint.tokenizer
        accuracy = recall(network, tokenizer, TASK, 1000).accuracy
        update, norms = remembered(network, [tokenizer.encode("\n" + line).ids for line in drawn_anew(TASK, 50)])
        noise = update[2 : 2 + TASK.lag]
        keeper = int((noise.mean(axis=0) - update[1]).argmax())
        print(
            f"| {name} | {accuracy:.1%} | {update[1].mean():.2f} | {noise.mean():.2f}"
            f" | {update[1, keeper]:.3f} | {noise[:, keeper].mean():.3f} |"
        )
        rows.append(f"| {name} | " + " | ".join(number(norm) for norm in norms) + " |")
    print("\n| cell | end of line | symbol | " + " | ".join(f"noise {k}" for k in range(1, TASK.lag + 1)) + " | ? |")
    print("| :-- |" + " --: |" * (TASK.lag + 3))
    print("\n".join(rows))
    show_trained_leaks(ends[0])


def show_trained_leaks(first: Evaluated) -> None:
    """The answer in networks that were trained with several seeds; the first of them is `first`."""
    epsilons = (1e-4, 1e-3, 1e-2, 1e-1)
    print("\n| both gates, seed | " + " | ".join(f"epsilon {epsilon:g}" for epsilon in epsilons) + " |")
    print("| :-- |" + " --: |" * len(epsilons))
    for seed in range(3):
        end = trained(GRU, seed=seed) if seed else first
        print(f"| {seed} | " + " | ".join(f"{trained_leak(end, epsilon):.2g}" for epsilon in epsilons) + " |")


def trained_leak(end: Evaluated, epsilon: float, lines: int = 50) -> float:
    """The greatest influence of another input on h at the question mark, as a share of the symbol's; means over lines.

    All gates are held within epsilon of the answer, the symbol being the input that is to count.
    """
    checkpoint = end.checkpoint()
    network, tokenizer = Network.of(checkpoint), checkpoint.tokenizer
    symbol, output = 1, TASK.lag + 2
    holds: Sequence[Hold] = (
        ("update", [symbol], epsilon),
        ("reset", [symbol], epsilon),
        ("update", range(symbol + 1, output + 1), 1 - epsilon),
    )
    held = [ClampSpec(gate=gate, at=tuple(at), value=value) for gate, at, value in holds]
    clamps = Clamps(held, network.layers, output + 2)
    texts = [tokenizer.encode("\n" + line).ids for line in drawn_anew(TASK, lines)]
    norms = np.mean([influence(network, ids, output, clamps).norms for ids in texts], axis=0)
    return float(np.delete(norms, symbol).max() / norms[symbol])


def remembered(network: Network, lines: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The update gate (steps, units), and the influence of every step on h at the question mark: means over lines."""
    output = TASK.lag + 2
    clamps = Clamps((), network.layers, output + 2)
    update = np.mean([trace(network, ids, clamps).layers[0].gates["update"] for ids in lines], axis=0)
    return update, np.mean([influence(network, ids, output, clamps).norms for ids in lines], axis=0)


if __name__ == "__main__":
    main()
