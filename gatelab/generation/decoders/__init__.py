"""Decoders generate text with a model. `ReferenceDecoder` defines the result; any other must choose the same tokens."""

from gatelab.generation.decoders.base import Decoded, Decoder, Stream, Texts
from gatelab.generation.decoders.native import NativeDecoder
from gatelab.generation.decoders.reference import ReferenceDecoder
from gatelab.network import Network
from gatelab.scan.native import Unavailable

__all__ = ["Decoded", "Decoder", "NativeDecoder", "ReferenceDecoder", "Stream", "Texts", "build_decoder"]


def build_decoder(network: Network, threads: int = 1) -> Decoder:
    """The fastest available decoder for a model. `Checkpoint.check_weights` has found its weights finite."""
    if network.precision != "float32":
        return ReferenceDecoder(network)
    try:
        return NativeDecoder(network, threads)
    except Unavailable:
        return ReferenceDecoder(network)
