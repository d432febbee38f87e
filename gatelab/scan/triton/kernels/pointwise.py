"""The cells' equations, elementwise, forward and backward. All that a kernel must know about a family of cells.

A forward function takes the summed arguments `a` of the activations, a block each (without the reset gate, which is
part of the product and so of the kernel), and the state; it gives the new state and the activations, which are kept.
A backward function takes those activations, the states before and after the step and the gradient of the latter; it
gives the gradient of `a`, and that of the state before but for what flows there through the products.
"""

import triton
import triton.language as tl


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
def rnn_tanh(a, state):
    h = tanh(a[0])
    return (h,), (h,)


@triton.jit
def rnn_tanh_backward(activations, before, after, gradient):
    h = activations[0]
    return (gradient[0] * (1 - h * h),), (tl.zeros_like(h),)


@triton.jit
def rnn_relu(a, state):
    # Not tl.maximum: it would turn a diverged run's NaN into 0.
    h = tl.where(a[0] <= 0, 0.0, a[0])
    return (h,), (h,)


@triton.jit
def rnn_relu_backward(activations, before, after, gradient):
    h = activations[0]
    return (tl.where(h <= 0, 0.0, gradient[0]),), (tl.zeros_like(h),)


@triton.jit
def gru_update(a, state):
    z, candidate = tl.sigmoid(a[0]), tanh(a[1])
    return (candidate + z * (state[0] - candidate),), (z, candidate)


@triton.jit
def gru_update_backward(activations, before, after, gradient):
    z, candidate = activations[0], activations[1]
    dh = gradient[0]
    dz = dh * (before[0] - candidate) * z * (1 - z)
    return (dz, dh * (1 - z) * (1 - candidate * candidate)), (dh * z,)


@triton.jit
def lstm(a, state):
    i, f, g, o = tl.sigmoid(a[0]), tl.sigmoid(a[1]), tanh(a[2]), tl.sigmoid(a[3])
    c = f * state[1] + i * g
    return (o * tanh(c), c), (i, f, g, o)


@triton.jit
def lstm_backward(activations, before, after, gradient):
    i, f, g, o = activations[0], activations[1], activations[2], activations[3]
    dh, squashed = gradient[0], tanh(after[1])
    dc = gradient[1] + dh * o * (1 - squashed * squashed)
    of_a = (
        dc * g * i * (1 - i),
        dc * before[1] * f * (1 - f),
        dc * i * (1 - g * g),
        dh * squashed * o * (1 - o),
    )
    return of_a, (tl.zeros_like(dh), dc * f)
