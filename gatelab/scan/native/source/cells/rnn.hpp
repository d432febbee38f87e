// gatelab/cells/rnn.py: h' = activation(x W + h U + b).
#pragma once

#include "cell.hpp"

namespace gatelab {

template <bool RELU>
struct Rnn {
    static constexpr int stages = 1, states = 1, kept = 0, gate_blocks = 0;
    using First = Stage<1, 1, 0, 0>;
    using Second = First;

    static constexpr Source source(int, int) { return {true, 0}; }

    GATELAB_INLINE static void forward(const Vector *sums, const Vector *, Vector *after, Vector *) {
        after[0] = RELU ? relu(sums[0]) : tanh(sums[0]);
    }

    GATELAB_INLINE static void backward(const Vector *, const Vector *, const Vector *after, const Vector *d,
                                        Vector *d_sums, Vector *d_before) {
        Vector h = after[0];
        d_sums[0] = RELU ? (h <= 0.0f ? Vector{} : d[0]) : d[0] * (1.0f - h * h);
        d_before[0] = Vector{};
    }
};

}  // namespace gatelab
