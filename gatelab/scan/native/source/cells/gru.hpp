// gatelab/cells/gru.py: any subset of the gates, with the reset gate after the recurrent product, or before it.
#pragma once

#include "cell.hpp"

namespace gatelab {

// h' = z * h + (1 - z) * c, or c where there is no update gate.
template <bool UPDATE>
struct Mix {
    GATELAB_INLINE static Vector forward(Vector c, Vector z, Vector h) { return UPDATE ? c + z * (h - c) : c; }

    // The gradients before the activations of c and z, and of h.
    GATELAB_INLINE static void backward(Vector d, Vector c, Vector z, Vector h, Vector &d_c, Vector &d_z, Vector &d_h) {
        Vector slope = 1.0f - c * c;
        if (UPDATE) {
            d_z = d * (h - c) * (z * (1.0f - z));
            d_h = d * z;
            d_c = (d - d_h) * slope;
        } else {
            d_h = Vector{};
            d_c = d * slope;
        }
    }
};

// Without a reset gate, and with an update gate. The sums are those of z and c.
struct GruUpdate {
    static constexpr int stages = 1, states = 1, kept = 2, gate_blocks = 1;
    using First = Stage<2, 2, 0, 0>;
    using Second = First;

    static constexpr Source source(int, int sum) { return {sum == 1, 0}; }

    GATELAB_INLINE static void forward(const Vector *sums, const Vector *before, Vector *after, Vector *kept) {
        Vector z = kept[0] = sigmoid(sums[0]), c = kept[1] = tanh(sums[1]);
        after[0] = Mix<true>::forward(c, z, before[0]);
    }

    GATELAB_INLINE static void backward(const Vector *kept, const Vector *before, const Vector *, const Vector *d,
                                        Vector *d_sums, Vector *d_before) {
        Mix<true>::backward(d[0], kept[1], kept[0], before[0], d_sums[1], d_sums[0], d_before[0]);
    }
};

// c = tanh(x W_c + b_c + r * (h U_c + d_c)). The sums are h U_c + d_c, r, z if there is one, x W_c + b_c.
template <bool UPDATE>
struct GruResetAfter {
    static constexpr int stages = 1, states = 1, kept = 3 + UPDATE, gate_blocks = 1 + UPDATE;
    static constexpr int INPUT = 2 + UPDATE;
    using First = Stage<3 + UPDATE, 2 + UPDATE, 1, 0>;
    using Second = First;

    static constexpr Source source(int, int sum) { return sum == 0 ? Source{true, 0} : Source{false, sum - 1}; }

    GATELAB_INLINE static void forward(const Vector *sums, const Vector *before, Vector *after, Vector *kept) {
        Vector product = kept[0] = sums[0], r = kept[1] = sigmoid(sums[1]), z{};
        if (UPDATE) z = kept[2] = sigmoid(sums[2]);
        Vector c = kept[INPUT] = tanh(sums[INPUT] + r * product);
        after[0] = Mix<UPDATE>::forward(c, z, before[0]);
    }

    GATELAB_INLINE static void backward(const Vector *kept, const Vector *before, const Vector *, const Vector *d,
                                        Vector *d_sums, Vector *d_before) {
        Vector r = kept[1], z = UPDATE ? kept[2] : Vector{}, d_z{};
        Mix<UPDATE>::backward(d[0], kept[INPUT], z, before[0], d_sums[INPUT], d_z, d_before[0]);
        if (UPDATE) d_sums[2] = d_z;
        d_sums[0] = d_sums[INPUT] * r;
        d_sums[1] = d_sums[0] * kept[0] * (1.0f - r);
    }
};

// c = tanh(x W_c + (r * h) U_c + b_c). The sums of the first stage are r and z if there is one, of the second c.
template <bool UPDATE>
struct GruResetBefore {
    static constexpr int stages = 2, states = 1, kept = 2 + UPDATE, gate_blocks = 1 + UPDATE;
    using First = Stage<1 + UPDATE, 1 + UPDATE, 0, 0>;
    using Second = Stage<1, 1, 0, 1 + UPDATE>;

    static constexpr Source source(int stage, int sum) { return {stage == 1, sum}; }

    // The second stage's product is that of `operand`.
    GATELAB_INLINE static void gates(const Vector *sums, const Vector *before, Vector &operand, Vector *kept) {
        kept[0] = sigmoid(sums[0]);
        if (UPDATE) kept[1] = sigmoid(sums[1]);
        operand = kept[0] * before[0];
    }

    GATELAB_INLINE static void forward(const Vector *sums, const Vector *before, Vector *after, Vector *kept) {
        Vector c = kept[1 + UPDATE] = tanh(sums[0]);
        after[0] = Mix<UPDATE>::forward(c, kept[UPDATE], before[0]);
    }

    GATELAB_INLINE static Vector operand(const Vector *kept, const Vector *before) { return kept[0] * before[0]; }

    // Back through the second stage: what it gives to the sums of both but the reset gate's, and to the state.
    GATELAB_INLINE static void backward(const Vector *kept, const Vector *before, const Vector *, const Vector *d,
                                        Vector *d_sums, Vector *d_before, Vector *d_gates) {
        Vector d_z{};
        Mix<UPDATE>::backward(d[0], kept[1 + UPDATE], kept[UPDATE], before[0], d_sums[0], d_z, d_before[0]);
        if (UPDATE) d_gates[1] = d_z;
    }

    // Back through the first stage, from the gradient of the operand.
    GATELAB_INLINE static void backward_gates(const Vector *kept, const Vector *before, Vector d_operand,
                                              Vector *d_gates, Vector *d_before) {
        Vector r = kept[0];
        d_gates[0] = d_operand * before[0] * (r * (1.0f - r));
        d_before[0] += d_operand * r;
    }
};

}  // namespace gatelab
