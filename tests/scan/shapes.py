"""Cells that together cover all special cases of a kernel generator."""

SHAPES = {
    # Every function, a plain number, a gate with only parameters, a negated operand, an operand of two products.
    "functions": """
        vector p
        scalar s = 0.3
        half = sigmoid(1 / 2)
        keep = sigmoid(p)
        mix = hard_sigmoid(W @ x + U @ h + s)
        a = max(softplus(V @ x), silu(h)) + gelu(log_sigmoid(p * h) + half)
        d = min(hard_tanh(2 * h), abs(sin(a))) / (1 + exp(cos(a)))
        c' = keep * c + mix * relu(a - sqrt(1 + d * d)) + log(2 + d)
        h' = tanh(P @ (mix * c') + R @ (-h) - Q @ (mix * c') - s)
    """,
    # Four stages, sums of several products, a state that a later stage reads, the input only in the first stage.
    "stages": """
        a = tanh(U_1 @ h + W @ x)
        b = tanh(U_2 @ (a * h) + U_3 @ a)
        c = tanh(U_4 @ b + U_5 @ (b * a) + U_6 @ h + b_c)
        d' = d / 2 + c
        h' = U_7 @ d' + a / (2 + b * b)
    """,
    # A product with only parameters, states that swap, a state that is a parameter, and one that stays unchanged.
    "constants": """
        scalar k
        vector p
        h' = tanh(W @ x + U @ (sigmoid(k) * p)) + c
        c' = h * p + e / 4
        d' = p + d * 0 + k
        e' = exp(p)
    """,
    # One matrix in two products, two sums of the same ones, and a gradient that waits for two stages.
    "shared": """
        r = sigmoid(W @ x + U @ h + b_r)
        q = tanh(W @ x + U @ (r * h) + V @ c)
        c' = q * r + c / 2
        h' = q * tanh(V @ c') + (U @ h) / 3
    """,
}
"""Name -> equations."""
