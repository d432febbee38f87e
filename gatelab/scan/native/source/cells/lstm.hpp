// gatelab/cells/lstm.py: state (h, c), gates i, f, o and candidate g, in the order i, f, g, o.
#pragma once

#include "cell.hpp"

namespace gatelab {

struct Lstm {
    static constexpr int stages = 1, states = 2, kept = 5, gate_blocks = 4;
    using First = Stage<4, 4, 0, 0>;
    using Second = First;

    static constexpr Source source(int, int sum) { return {false, sum}; }

    GATELAB_INLINE static void forward(const Vector *sums, const Vector *before, Vector *after, Vector *kept) {
        Vector i = kept[0] = sigmoid(sums[0]), f = kept[1] = sigmoid(sums[1]), g = kept[2] = tanh(sums[2]);
        Vector o = kept[3] = sigmoid(sums[3]);
        after[1] = f * before[1] + i * g;
        Vector t = kept[4] = tanh(after[1]);
        after[0] = o * t;
    }

    GATELAB_INLINE static void backward(const Vector *kept, const Vector *before, const Vector *, const Vector *d,
                                        Vector *d_sums, Vector *d_before) {
        Vector i = kept[0], f = kept[1], g = kept[2], o = kept[3], t = kept[4];
        Vector d_c = d[1] + d[0] * o * (1.0f - t * t);
        d_sums[0] = d_c * g * (i * (1.0f - i));
        d_sums[1] = d_c * before[1] * (f * (1.0f - f));
        d_sums[2] = d_c * i * (1.0f - g * g);
        d_sums[3] = d[0] * t * (o * (1.0f - o));
        d_before[0] = Vector{};
        d_before[1] = d_c * f;
    }
};

}  // namespace gatelab
