"""Decoders: what writes text. `TorchDecoder` defines what is chosen; the native one must choose the same."""

from gatelab.generation.decoders.base import Decoded, Decoder, Stream
from gatelab.generation.decoders.native import NativeDecoder
from gatelab.generation.decoders.reference import TorchDecoder
from gatelab.model import LanguageModel
from gatelab.scan.native import Unavailable

__all__ = ["Decoded", "Decoder", "NativeDecoder", "Stream", "TorchDecoder", "build_decoder"]


def build_decoder(model: LanguageModel, threads: int = 1) -> Decoder:
    """The fastest decoder that there is for a model where it is."""
    if model.device.type != "cpu" or model.bias_head.dtype.itemsize != 4:
        return TorchDecoder(model)
    try:
        return NativeDecoder(model, threads)
    except Unavailable:
        return TorchDecoder(model)
