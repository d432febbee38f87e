"""The peers' models with the weights of one of Gatelab's models, so that all compute the same."""

import torch
from torch import Tensor, nn

from benchmarks.peers.textbook import Textbook
from benchmarks.peers.textbook_cells import Gru, Lstm, Rnn, TextbookCell
from benchmarks.peers.torch_layers import TorchLayers
from gatelab.model import LanguageModel
from gatelab.specs import CellSpec, EquationsSpec, GruSpec, LstmSpec, RnnSpec
from gatelab.specs.packed_parameters import packed_letters, recurrent_letters

Weights = dict[str, Tensor]
LETTERS = {"update": "z", "reset": "r"}
"""The textbook's names of the gates of a GRU."""


def textbook(model: LanguageModel) -> Textbook:
    """The textbook's model with the weights of `model`, which reads one-hot input."""
    spec, vocabulary = model.spec.cell, model.vocabulary
    cells = [_textbook_cell(spec, spec.hidden if layer else vocabulary) for layer in range(model.spec.layers)]
    peer = Textbook(cells, vocabulary)
    for layer, cell in enumerate(cells):
        for name, value in _textbooks(spec, _of_layer(model, layer)).items():
            cell.weights[name].data.copy_(value)
    peer.head["hq"].data.copy_(model.weight_head)
    peer.head["bq"].data.copy_(model.bias_head)
    return peer


def _textbook_cell(spec: CellSpec, inputs: int) -> TextbookCell:
    match spec:
        case RnnSpec():
            return Rnn(inputs, spec.hidden)
        case GruSpec(gates=gates):
            letters = "".join(LETTERS[gate] for gate in gates)
            return Gru(inputs, spec.hidden, letters, reset_after=spec.reset == "after" and "reset" in gates)
        case LstmSpec():
            return Lstm(inputs, spec.hidden)
        case EquationsSpec():
            raise ValueError(f"the textbook has no cell like {spec.title}")


def _textbooks(spec: CellSpec, own: Weights) -> Weights:
    """The weights of a layer by the textbook's names. The letter of an RNN and of a candidate is h."""
    letters = {"W": "x", "U": "h", "b": "b"}
    suffix = "h" if isinstance(spec, RnnSpec) else "c"
    found = {}
    for name, value in own.items():
        letter, _, of = name.partition("_")
        found["dh" if name == "b_u" else letters[letter] + ("h" if of in ("", suffix) else of)] = value
    return found


def torch_layers(model: LanguageModel, lr: float) -> TorchLayers | None:
    """PyTorch's model with the weights of `model`, which reads one-hot input. None if it has no such cell.

    PyTorch has a second bias for every block. Where the equations have none, it is zero and its gradient is dropped.
    Otherwise the two would be one bias with twice the learning rate.
    """
    layer = _torch_layer(model)
    if layer is None:
        return None
    peer, hidden = TorchLayers(layer, lr), model.spec.cell.hidden
    for number in range(model.spec.layers):
        own = _packed(model, number)
        second = torch.zeros_like(own["bias"])
        needed = torch.zeros_like(second)
        if "bias_candidate" in own:
            second[-hidden:], needed[-hidden:] = own["bias_candidate"], 1
        weights = own["weight_input"].T, own["recurrent"].T, own["bias"], second
        for name, value in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), weights, strict=True):
            getattr(layer, f"{name}_l{number}").data.copy_(value)
        getattr(layer, f"bias_hh_l{number}").register_hook(needed.mul)
    peer.head.weight.data.copy_(model.weight_head.T)
    peer.head.bias.data.copy_(model.bias_head)
    return peer


def _torch_layer(model: LanguageModel) -> nn.RNNBase | None:
    sizes = model.vocabulary, model.spec.cell.hidden, model.spec.layers
    match model.spec.cell:
        case RnnSpec(activation=activation):
            return nn.RNN(*sizes, nonlinearity=activation)
        case GruSpec(gates=("reset", "update"), reset="after"):
            return nn.GRU(*sizes)
        case LstmSpec():
            return nn.LSTM(*sizes)
    return None


def _of_layer(model: LanguageModel, layer: int) -> Weights:
    """The weights of a layer by their names in the cell."""
    return {name: value.detach() for name, value in model.cells[layer].named_parameters()}


def _packed(model: LanguageModel, layer: int) -> Weights:
    """The same weights, side by side in PyTorch's layout."""
    own, spec = _of_layer(model, layer), model.spec.cell
    letters = packed_letters(spec) | {"recurrent": recurrent_letters(spec)}
    return {name: torch.cat([own[each] for each in those], dim=-1) for name, those in letters.items()}
