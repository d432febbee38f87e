"""The functions of the language of equations and those of their derivatives, as PyTorch defines them.

They use `where` instead of Triton's maximum, so that the NaN of a diverged run stays NaN.
"""

import triton
import triton.language as tl


@triton.jit
def sigmoid(x):
    return tl.sigmoid(x)


@triton.jit
def tanh(x):
    """tanh to the last bits, near 0 too, where exp(2x) - 1 cancels (Moshier, Cephes, tanh.c). Triton has none."""
    square = x * x
    above = (-9.64399179425052238628e-1 * square - 9.92877231001918586564e1) * square - 1.61468768441708447952e3
    below = ((square + 1.12811678491632931402e2) * square + 2.23548839060100448583e3) * square
    near = x + x * square * above / (below + 4.84406305325125486048e3)
    shrunk = tl.exp(-2 * tl.abs(x))
    far = (1 - shrunk) / (1 + shrunk)
    return tl.where(tl.abs(x) < 0.625, near, tl.where(x < 0, -far, far))


@triton.jit
def relu(x):
    return tl.where(x <= 0, 0.0, x)


@triton.jit
def exp(x):
    return tl.exp(x)


@triton.jit
def log(x):
    return tl.log(x)


@triton.jit
def sqrt(x):
    return tl.sqrt(x)


@triton.jit
def log1p(u):
    """log(1 + u) for u from 0 to 1, corrected for the rounding of 1 + u."""
    w = u + 1.0
    return tl.log(w) + (u - (w - 1.0)) / w


@triton.jit
def softplus(x):
    # Beyond 20, PyTorch returns the argument itself.
    return tl.where(x > 20.0, x, relu(x) + log1p(tl.exp(-tl.abs(x))))


@triton.jit
def log_sigmoid(x):
    return -(relu(-x) + log1p(tl.exp(-tl.abs(x))))


@triton.jit
def silu(x):
    return x * tl.sigmoid(x)


@triton.jit
def normal_below(x):
    """The share of a standard normal distribution below x."""
    return 0.5 * (1.0 + tl.erf(x * 0.7071067811865476))


@triton.jit
def gelu(x):
    return x * normal_below(x)


@triton.jit
def gelu_slope(x):
    return normal_below(x) + x * tl.exp(-0.5 * x * x) * 0.3989422804014327


@triton.jit
def absolute(x):
    return tl.abs(x)


@triton.jit
def sign(x):
    return tl.where(x > 0, 1.0, tl.where(x < 0, -1.0, 0.0)).to(x.dtype)


@triton.jit
def sin(x):
    return tl.sin(x)


@triton.jit
def cos(x):
    return tl.cos(x)


@triton.jit
def within(x, bound):
    """x limited to the range from -bound to bound."""
    return tl.where(x <= -bound, -bound, tl.where(x >= bound, bound, x))


@triton.jit
def hard_sigmoid(x):
    return (within(x, 3.0) + 3.0) / 6.0


@triton.jit
def hard_tanh(x):
    return within(x, 1.0)


@triton.jit
def larger(a, b):
    return tl.where((a > b) | (a != a), a, b)


@triton.jit
def smaller(a, b):
    return tl.where((a < b) | (a != a), a, b)


@triton.jit
def where_positive(a, g):
    return tl.where(a <= 0, 0.0, g)


@triton.jit
def where_within(a, g, bound):
    return tl.where(tl.abs(a) >= bound, 0.0, g)


@triton.jit
def where_larger(a, b, g):
    return tl.where(a < b, 0.0, tl.where(a == b, g * 0.5, g))
