"""/v1/runs/{run}/gates: what the gates of a trained run do; and /recall: how well it remembers."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from fastapi import Request, Response

from gatelab.costs import flops_per_token
from gatelab.errors import InvalidRequest, Problem
from gatelab.specs import GatesRequest, Limits, RecallRequest
from gatelab.text.memory_tasks import line_length
from gatelab.text.tokenizers import BEGIN
from gatelab.wire.gates import Gates
from gatelab.wire.generation import Recalled
from service.computations import still_wanted
from service.computing import computing
from service.context import Service
from service.gates.views import NPZ, Answer
from service.generation.admission import check_flops, check_prompt
from service.generation.model_cache import load_checkpoint
from service.json_answers import JSON
from service.routing import Router

if TYPE_CHECKING:
    from gatelab.network import Layer

router = Router(prefix="/v1/runs", tags=["gates"])

_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {NPZ: {"schema": {"type": "string", "format": "binary"}}},
        "description": "As JSON, or as arrays for numpy.load",
    }
}


@router.post("/{run}/gates", response_model=Gates, responses=_ANSWERS)
@computing
def gates(service: Service, request: Request, run: str, body: GatesRequest) -> Response:
    """Read a text: the activation of every gate and the hidden state at each step. Gates can be held at values.

    `influence` adds the exact norm of the Jacobian of a hidden state with respect to each input and to the initial
    state, in double precision; it is exactly 0 where the gates cut the path. Step 0 reads `<bos>`.
    """
    from gatelab.gates import Clamps, influence, trace
    from gatelab.network import Network

    limits = service.settings.limits
    check_prompt(limits, len(body.text), "text")
    step, checkpoint = load_checkpoint(service.store, run, body.checkpoint)
    network, tokenizer = Network.of(checkpoint), checkpoint.tokenizer
    encoded = tokenizer.encode(body.text)
    ids = np.append(BEGIN, encoded.ids).astype(np.int64)
    check_flops(limits, "text", len(ids), flops_per_token(checkpoint.spec.model, tokenizer.vocabulary))
    layers, asked = network.layers, body.influence
    if wrong := [*_out_of_range(body, len(ids), layers), *_too_much(body, len(ids), layers, limits)]:
        raise InvalidRequest(wrong)
    clamps = Clamps(body.clamp, layers, len(ids))
    answer = Answer(
        checkpoint=step,
        tokenizer=tokenizer,
        ids=ids,
        unknown=encoded.unknown,
        trace=trace(network, ids, clamps, layers=body.layers, units=body.units, between=still_wanted),
        values=body.values,
        influence=influence(network, ids, asked.output, clamps, layer=asked.layer) if asked else None,
        layer=len(layers) - 1 if asked is None or asked.layer is None else asked.layer,
        inputs=(asked.inputs or range(asked.output + 1)) if asked else (),
    )
    if body.format == "npz" or NPZ in request.headers.get("accept", ""):
        headers = {"Content-Disposition": f'attachment; filename="{run}-{step}-gates.npz"'}
        return Response(answer.npz(), media_type=NPZ, headers=headers)
    return Response(answer.json(), media_type=JSON)


@router.post("/{run}/recall")
@computing
def recall(service: Service, run: str, body: RecallRequest) -> Recalled:
    """Test a memory task on new random lines: how many symbols the run recalls after the lag."""
    from gatelab.gates import recall
    from gatelab.network import Network

    characters, most = body.examples * line_length(body.task), service.settings.limits.recall_characters
    if characters > most:
        message = f"{body.examples} lines have {characters} characters; at most {most} are allowed"
        raise InvalidRequest.at("examples", message)
    step, checkpoint = load_checkpoint(service.store, run, body.checkpoint)
    flops = flops_per_token(checkpoint.spec.model, checkpoint.tokenizer.vocabulary)
    check_flops(service.settings.limits, "examples", characters, flops)
    found = recall(Network.of(checkpoint), checkpoint.tokenizer, body.task, body.examples, still_wanted)
    return Recalled(
        checkpoint=step, accuracy=found.accuracy, loss=found.loss, chance=found.chance, symbols=found.symbols
    )


def _out_of_range(body: GatesRequest, steps: int, of_run: "list[Layer]") -> Iterator[Problem]:
    from gatelab.gates.clamps import fewest_units, out_of_range

    yield from out_of_range("layers", body.layers, len(of_run))
    shown = [layer for layer in body.layers or () if layer < len(of_run)]
    yield from out_of_range("units", body.units, fewest_units(of_run, shown or None))
    if (asked := body.influence) is None:
        return
    for path, number, count in (("output", asked.output, steps), ("layer", asked.layer or 0, len(of_run))):
        if number >= count:
            yield Problem(f"influence.{path}", f"must be from 0 to {count - 1} (got {number})")
    yield from out_of_range("influence.inputs", asked.inputs, steps)


def _too_much(body: GatesRequest, steps: int, of_run: "list[Layer]", limits: Limits) -> Iterator[Problem]:
    layers = len(of_run) if body.layers is None else len(body.layers)
    widest = max(layer.hidden for layer in of_run)
    units = widest if body.units is None else len(body.units)
    series = len(of_run[0].gates) + len(of_run[0].states)
    if (values := layers * steps * units * series) > limits.gate_values:
        yield Problem(
            "text",
            f"{layers} layers x {steps} steps x {units} units x {series} gates and states are {values} numbers; at most"
            f" {limits.gate_values} are allowed: send a shorter text, or ask for some `layers` and `units`",
        )
    if body.influence is None:
        return
    weights = sum(array.size for layer in of_run for array in layer.weights.values())
    if (work := (body.influence.output + 1) * widest * weights) > limits.influence_work:
        most = limits.influence_work // (widest * weights) - 1
        yield Problem(
            "influence.output",
            f"{body.influence.output + 1} steps x {widest} units x {weights} weights of the cells are {work}"
            f" multiplications; at most {limits.influence_work} are allowed"
            + (f": ask for an output up to {most}" if most >= 0 else ", which no output of this run keeps within"),
        )
