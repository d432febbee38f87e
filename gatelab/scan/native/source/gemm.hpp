// Small matrix products: blocks of rows kept in registers against panels of a packed matrix.
//
// Depths and strides count slots of a precision P, in which both operands are (see precision.hpp).
//
// Every element of a product is summed in the order of k, whatever block it falls into: the result of a row does not
// depend on which rows are computed beside it.
#pragma once

#include <type_traits>

#include "precision.hpp"

namespace gatelab {

// How many rows of `width` vectors fit into the registers, beside what is multiplied with them.
constexpr int rows_in_registers(int width) {
    if (REGISTERS == 32) return width <= 3 ? 8 : 4;
    return width <= 1 ? 8 : width <= 3 ? 4 : 2;
}

// A right operand of few columns: vector j of row k at data[k * k_stride + j * vector_stride].
struct Right {
    const float *data;
    int64_t k_stride, vector_stride = LANES;
};

// c[i][FIRST + j] += a[i, k] * b[k, j] for all k.
template <class P, int FIRST, int COUNT, int ROWS, int WIDTH>
GATELAB_INLINE void accumulate(Vector (&c)[ROWS][WIDTH], int64_t depth, const float *a, int64_t a_row, int64_t a_k,
                               Right b) {
    for (int64_t k = 0; k < depth; k++) {
        Vector v[COUNT];
#pragma GCC unroll 4
        for (int j = 0; j < COUNT; j++) v[j] = load(b.data + k * b.k_stride + j * b.vector_stride);
#pragma GCC unroll 16
        for (int i = 0; i < ROWS; i++) {
            Vector x = broadcast(a[i * a_row + k * a_k]);
#pragma GCC unroll 4
            for (int j = 0; j < COUNT; j++) c[i][FIRST + j] = P::add_product(c[i][FIRST + j], x, v[j]);
        }
    }
}

// Call body over all of `rows`, in blocks of ROWS and then one by one.
template <int ROWS, class Body>
GATELAB_INLINE void for_row_blocks(int64_t rows, Body &&body) {
    int64_t at = 0;
    for (; at + ROWS <= rows; at += ROWS) body(at, std::integral_constant<int, ROWS>{});
    for (; ROWS > 1 && at < rows; at++) body(at, std::integral_constant<int, 1>{});
}

// A left operand: element (row, k) at data[row * row_stride + k * k_stride], for k < depth. Behind it, in as many
// segments as there are, come the elements of the next `depth` values of k.
struct Left {
    const float *data;
    int64_t row_stride, k_stride, depth;
    int64_t segments = 1, segment_stride = 0;
};

// A result of few columns, as a right operand is laid out, its rows in the place of k.
struct Result {
    float *data;
    int64_t row_stride, vector_stride = LANES;
};

// C (rows, WIDTH vectors) = or += A times B.
template <class P, int WIDTH, bool ADD>
inline void multiply_panel(int64_t rows, const Left &a, const Right &b, const Result &c) {
    for_row_blocks<rows_in_registers(WIDTH)>(rows, [&](int64_t at, auto block) {
        constexpr int ROWS = decltype(block)::value;
        Vector sums[ROWS][WIDTH];
#pragma GCC unroll 16
        for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 4
            for (int j = 0; j < WIDTH; j++)
                sums[i][j] = ADD ? load(c.data + (at + i) * c.row_stride + j * c.vector_stride) : Vector{};
        const float *rows_of_a = a.data + at * a.row_stride;
        for (int64_t s = 0; s < a.segments; s++)
            accumulate<P, 0, WIDTH>(sums, a.depth, rows_of_a + s * a.segment_stride, a.row_stride, a.k_stride,
                                 {b.data + s * a.depth * b.k_stride, b.k_stride, b.vector_stride});
#pragma GCC unroll 16
        for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 4
            for (int j = 0; j < WIDTH; j++)
                store(c.data + (at + i) * c.row_stride + j * c.vector_stride, sums[i][j]);
    });
}

constexpr int PANEL = 2;  // vectors of a panel of a packed matrix

// A matrix (depth, columns) in panels of PANEL vectors, the last one perhaps narrower: [panel][k][vectors * LANES].
struct Packed {
    float *data;
    int64_t depth, vectors;

    static int64_t size(int64_t depth, int64_t vectors) { return depth * vectors * LANES; }
    float *panel(int64_t first) const { return data + first * LANES * depth; }
    int64_t width(int64_t first) const { return vectors - first < PANEL ? vectors - first : PANEL; }
    // Make slots of the numbers in it.
    template <class P>
    void round() const {
        for (int64_t first = 0; first < vectors; first += PANEL)
            P::along_columns(panel(first), depth, width(first) * LANES, panel(first));
    }
    float *at(int64_t k, int64_t column) const {
        int64_t first = column / (PANEL * LANES) * PANEL;
        return panel(first) + k * width(first) * LANES + column - first * LANES;
    }
};

// C (rows, b.vectors) = or += A times B, which has as many rows as A has columns.
template <class P, bool ADD>
inline void multiply(int64_t rows, const Left &a, const Packed &b, float *c, int64_t ldc) {
    for (int64_t first = 0; first < b.vectors; first += PANEL) {
        if (b.width(first) == PANEL)
            multiply_panel<P, PANEL, ADD>(rows, a, {b.panel(first), PANEL * LANES}, {c + first * LANES, ldc});
        else
            multiply_panel<P, 1, ADD>(rows, a, {b.panel(first), LANES}, {c + first * LANES, ldc});
    }
}

}  // namespace gatelab
