"""The structs and constants of `source/engine.h`, for ctypes."""

from ctypes import POINTER, Structure, c_double, c_float, c_int32, c_int64, c_uint8, c_void_p

ABI = 9
MAX_LAYERS = 64
MAX_LETTERS = 64

floats = POINTER(c_float)

PRECISIONS = {"fp32": 0, "bf16": 1}
OPTIMIZERS = {"sgd": 0, "adam": 1, "adamw": 2, "rmsprop": 3}


class Code(Structure):
    """The code of a cell."""

    _fields_ = [
        *((name, c_int32) for name in ("abi", "size", "states", "letters")),
        ("letter", c_uint8 * MAX_LETTERS),
        ("functions", c_void_p * 4),
    ]


class Place(Structure):
    _fields_ = [("at", c_int64), ("stride", c_int64)]


class Layer(Structure):
    _fields_ = [("letter", Place * MAX_LETTERS)]


class Shape(Structure):
    _fields_ = [
        ("code", POINTER(Code)),
        *((name, c_int32) for name in ("precision", "layers", "hidden", "vocabulary", "embedding")),
        *((name, c_int64) for name in ("parameters", "embedding_at", "head_at", "head_bias_at")),
        ("layer", Layer * MAX_LAYERS),
    ]


class Member(Structure):
    """Addresses instead of typed pointers: a typed one takes three times as long to make, as long as a short reading's
    arithmetic."""

    _fields_ = [
        ("ids", c_void_p),
        ("starts", c_void_p),
        ("ends", c_void_p),
        ("length", c_int64),
        ("rows", c_int32),
        ("steps", c_int32),
        ("parameters", c_void_p),
        ("gradient", c_void_p),
        ("state_in", c_void_p),
        ("state_out", c_void_p),
        ("dropout", c_void_p),
        ("outputs", c_void_p),
        ("loss", c_double),
        ("square_norm", c_double),
        ("tokens", c_int64),
    ]


class Stream(Structure):
    """Addresses instead of typed pointers, since there are many, and a typed one takes ten times as long to make."""

    _fields_ = [
        ("state", c_void_p),
        ("token", c_int64),
        ("uniforms", c_void_p),
        *((name, c_double) for name in ("temperature", "top_p", "min_p", "penalty")),
        ("top_k", c_int64),
        ("bias", c_void_p),
        ("seen", c_void_p),
        ("tokens", c_void_p),
        ("logits", c_void_p),
        ("finite", c_int64),
    ]


class Texts(Structure):
    """Those of one model."""

    _fields_ = [("decoder", c_void_p), ("streams", POINTER(Stream)), ("count", c_int32)]


class Update(Structure):
    _fields_ = [
        ("kind", c_int32),
        ("nesterov", c_int32),
        ("step", c_int64),
        *((name, c_double) for name in ("lr", "momentum", "weight_decay", "beta1", "beta2", "eps")),
        ("clip_norm", c_double),
        ("square_norm", c_double),
        *((name, floats) for name in ("parameters", "gradient", "first", "second")),
        ("length", c_int64),
    ]
