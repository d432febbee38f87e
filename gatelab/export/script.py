"""A program that writes text with exported weights and needs only numpy: the equations of one cell, and a loop."""

from gatelab.export.cell_program import cell_program
from gatelab.export.layers_program import head_line, layer_lines, layers_program, state_lines
from gatelab.export.text_program import READ_TEXT, SHOW_TEXT, TEXT_PROGRAM
from gatelab.specs.model import ModelSpec
from gatelab.text.tokenizers import ByteTokenizer, CharTokenizer, Tokenizer

_HEAD = '''"""Continues a text with the model in a file: python generate.py model.safetensors "it has" [characters]

Takes the likeliest token each time. Needs numpy alone. Made by Gatelab for one kind of model.
"""

import json
import re
import sys

import numpy as np


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    size = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:size])
    facts = json.loads(header.pop("__metadata__")["gatelab"])
    place = {name: data[size + t["data_offsets"][0] : size + t["data_offsets"][1]] for name, t in header.items()}
    return facts, {name: np.frombuffer(place[name], np.float32).reshape(t["shape"]) for name, t in header.items()}


def sigmoid(x):
    return 1 / (1 + np.exp(-np.clip(x, -80, 80)))


'''

_TAIL = """

def step(w, token, states):
    x = w["embedding"][token] if "embedding" in w else None
    for layer, state in enumerate(states):
        own = {name.removeprefix(f"cells.{layer}."): t for name, t in w.items() if name.startswith(f"cells.{layer}.")}
LAYER
    logits = HEAD + w["bias_head"]
    if not np.isfinite(logits).all():
        sys.exit("what the model predicts is not finite: its numbers are too large, it has diverged")
    return logits


def main(path, text, characters=100):
    facts, w = read(path)
    kind, text = facts["tokenizer"], text.lstrip("\\ufeff")
READSTATES
    for token in [1, *ids]:
        logits = step(w, token, states)
    written = []
    for _ in range(int(characters)):
        written.append(2 + int(logits[2:].argmax()))
        logits = step(w, written[-1], states)
SHOW

if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")
    print(main(*sys.argv[1:]) if 3 <= len(sys.argv) <= 4 else sys.exit(__doc__))
"""


_READ = """    known = kind.get("characters", "")
    if kind.get("normalize") == "letters":
        text = re.sub("[^a-z]+", " ", text.lower())
    bytewise = kind["kind"] == "byte"
    ids = [2 + b for b in text.encode()] if bytewise else [known.find(c) + 2 if c in known else 0 for c in text]
"""

_SHOW = """    if bytewise:
        return bytes(token - 2 for token in written).decode(errors="replace")
    return "".join(known[token - 2] for token in written)
"""


def script(model: ModelSpec, tokenizer: Tokenizer | None = None) -> str:
    """The program for models of this architecture, any weights.

    Args:
        tokenizer: the model's. Without one, the program reads characters and bytes.
    """
    representation = model.cell.representation
    head, cell = _HEAD, cell_program(representation)
    if "math." in cell:
        head = head.replace("import json\n", "import json\nimport math\n")
    cell += layers_program(model)
    tail = _TAIL.replace("LAYER", layer_lines(model)).replace("HEAD", head_line(model))
    tail = tail.replace("STATES", state_lines(model))
    if tokenizer is None or (isinstance(tokenizer, CharTokenizer | ByteTokenizer) and not tokenizer.clean):
        return head + cell + tail.replace("READ", _READ).replace("SHOW", _SHOW)
    head = head.replace("import sys\n", "import sys\nimport unicodedata\n")
    return head + cell + TEXT_PROGRAM + tail.replace("READ", READ_TEXT).replace("SHOW", SHOW_TEXT)
