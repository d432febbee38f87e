"""Corpora, tokenizers, windows and batches. NumPy only: the service uses it without torch."""

from gatelab.text.corpus import Corpus
from gatelab.text.parts import Texts
from gatelab.text.tokenizers import Tokenizer
from gatelab.text.windows import Batch, Data, Windows, prepare

__all__ = ["Batch", "Corpus", "Data", "Texts", "Tokenizer", "Windows", "prepare"]
