// From a layer's flat, row-major weights to the panels that the products read, and from their gradients back.
#pragma once

#include "layer.hpp"
#include "tensors.hpp"

namespace gatelab {

template <class Cell, bool TABLE, class P>
struct Packing {
    using First = typename Cell::First;
    using Second = typename Cell::Second;
    using Tensors = LayerTensors<const float>;
    static constexpr bool TWO = Cell::stages == 2;
    static constexpr int BLOCKS = First::input + (TWO ? Second::input : 0);

    // `embedding`: of a table whose tokens enter as learned vectors; `scratch`: room for the panels of its weights.
    static void pack(const LayerSize &size, Tensors from, const float *embedding, int64_t width, float *scratch,
                     const LayerWeights &w, const LayerTransposed *transposed) {
        pack_stage<First, 0>(size, from, embedding, width, scratch, w, transposed);
        if constexpr (TWO) pack_stage<Second, 1>(size, from, embedding, width, scratch, w, transposed);
        if (First::input_first == 1)
            for (int64_t u = 0; u < size.padded; u++) w.candidate_bias[u] = u < size.hidden ? from.candidate_bias[u] : 0;
    }

    // Room that `pack` and `unpack` need beside the weights, for an embedding of this width.
    static int64_t scratch(const LayerSize &size, int64_t width) {
        return width ? width * size.padded * First::width * 2 + vectors(width) * LANES * size.inputs +
                           Packed::size(size.padded * First::width, vectors(width)) + 64
                     : 0;
    }

    static void unpack(const LayerSize &size, const LayerWeights &g, const float *embedding, int64_t width,
                       Tensors weights, float *scratch, LayerTensors<float> to, float *d_embedding) {
        if (TABLE && width) std::memset(d_embedding, 0, size.inputs * width * sizeof(float));
        unpack_stage<First, 0>(size, g, embedding, width, weights, scratch, to, d_embedding);
        if constexpr (TWO) unpack_stage<Second, 1>(size, g, embedding, width, weights, scratch, to, d_embedding);
        if (First::input_first == 1)
            std::memcpy(to.candidate_bias, g.candidate_bias, size.hidden * sizeof(float));
    }

  private:
    // Call body(k, q, from, to, units) for every piece of a panel matrix: units of one group, of sum q, in row k.
    template <int SUMS, class Body>
    static void for_pieces(const LayerSize &size, int64_t depth, float *panels, Body &&body) {
        for (int64_t j = 0; j < size.groups; j++)
            for (int64_t k = 0; k < depth; k++)
                for (int q = 0; q < SUMS; q++)
                    body(k, q, j * LANES, panels + ((j * depth + k) * SUMS + q) * LANES,
                         std::min<int64_t>(LANES, size.hidden - j * LANES));
    }

    static void copy(float *to, const float *from, int64_t units) {
        for (int64_t u = 0; u < LANES; u++) to[u] = u < units ? from[u] : 0;
    }

    // Where the recurrent weights of sum q begin in their row k.
    template <int STAGE, class Float>
    static Float *recurrent_row(const LayerSize &size, Float *gates, Float *candidate, int64_t k, int q) {
        constexpr Source sources[] = {Cell::source(STAGE, 0), Cell::source(STAGE, 1), Cell::source(STAGE, 2),
                                      Cell::source(STAGE, 3)};
        return sources[q].candidate ? candidate + k * size.hidden
                                    : gates + (k * Cell::gate_blocks + sources[q].block) * size.hidden;
    }

    template <class S, class Float>
    static Float *input_row(const LayerSize &size, Float *input, int64_t k, int q) {
        return input + (k * BLOCKS + S::input_block + q) * size.hidden;
    }

    template <class S, int STAGE>
    static void pack_stage(const LayerSize &size, Tensors from, const float *embedding, int64_t width, float *scratch,
                           const LayerWeights &w, const LayerTransposed *transposed) {
        for_pieces<S::recurrent>(size, size.hidden, w.recurrent[STAGE],
                                 [&](int64_t k, int q, int64_t unit, float *to, int64_t units) {
            copy(to, recurrent_row<STAGE>(size, from.gates, from.candidate, k, q) + unit, units);
        });
        round<S::recurrent>(size, size.hidden, w.recurrent[STAGE]);
        if (TABLE) {
            pack_table<S, STAGE>(size, from, embedding, width, scratch, w.input[STAGE]);
        } else {
            pack_input<S>(size, from, size.inputs, w.input[STAGE]);
            round<S::input>(size, size.inputs, w.input[STAGE]);
            for_pieces<S::input>(size, 1, w.bias[STAGE], [&](int64_t, int q, int64_t unit, float *to, int64_t units) {
                copy(to, from.bias + (S::input_block + q) * size.hidden + unit, units);
            });
        }
        if (!transposed) return;
        transpose<S::recurrent>(size, size.hidden, transposed->recurrent[STAGE], [&](int64_t n, int q) {
            return recurrent_row<STAGE>(size, from.gates, from.candidate, n, q);
        });
        transposed->recurrent[STAGE].template round<P>();
        if (TABLE) return;
        transpose<S::input>(size, size.inputs, transposed->input[STAGE],
                            [&](int64_t n, int q) { return input_row<S>(size, from.input, n, q); });
        transposed->input[STAGE].template round<P>();
    }

    // Make slots of the numbers in a panel matrix.
    template <int SUMS>
    static void round(const LayerSize &size, int64_t depth, float *panels) {
        for (int64_t j = 0; j < size.groups; j++, panels += depth * SUMS * LANES)
            P::along_columns(panels, depth, SUMS * LANES, panels);
    }

    template <class S>
    static void pack_input(const LayerSize &size, Tensors from, int64_t depth, float *panels) {
        for_pieces<S::input>(size, depth, panels, [&](int64_t k, int q, int64_t unit, float *to, int64_t units) {
            copy(to, input_row<S>(size, from.input, k, q) + unit, units);
        });
    }

    // Row [group][sum][lane] of a transposed matrix, column n: the weights from n to that sum, which begin at row(n, q).
    template <int SUMS, class Row>
    static void transpose(const LayerSize &size, int64_t columns, const Packed &to, Row &&row) {
        std::memset(to.data, 0, Packed::size(to.depth, to.vectors) * sizeof(float));
        for (int64_t first = 0; first < to.vectors; first += PANEL) {
            float *panel = to.panel(first);
            const int64_t stride = to.width(first) * LANES;
            const int64_t end = std::min(columns, first * LANES + stride);
            for (int64_t n = first * LANES; n < end; n++)
                for (int q = 0; q < SUMS; q++) {
                    const float *from = row(n, q);
                    for (int64_t u = 0; u < size.hidden; u++)
                        panel[((u / LANES * SUMS + q) * LANES + u % LANES) * stride + n - first * LANES] = from[u];
                }
        }
    }

    // -- Tables ---------------------------------------------------------------------------------------------------------

    // The input's part of the sums for each token: its row of the weights, or of embedding times weights; and the bias.
    template <class S, int STAGE>
    static void pack_table(const LayerSize &size, Tensors from, const float *embedding, int64_t width, float *scratch,
                           float *table) {
        const int64_t row = size.padded * S::input;
        for (int64_t token = 0; token < size.inputs; token++)
            for (int64_t j = 0; j < size.groups; j++)
                for (int q = 0; q < S::input; q++) {
                    const int64_t units = std::min<int64_t>(LANES, size.hidden - j * LANES);
                    const float *bias = from.bias + (S::input_block + q) * size.hidden + j * LANES;
                    float *to = table + token * row + (j * S::input + q) * LANES;
                    copy(to, bias, units);
                    if (!width) {
                        const float *weights = input_row<S>(size, from.input, token, q) + j * LANES;
                        for (int64_t u = 0; u < units; u++) to[u] += weights[u];
                    }
                }
        if (!width) return;
        pack_input<S>(size, from, width, scratch);
        for (int64_t j = 0; j < size.groups; j++)
            multiply_panel<Single, S::input, true>(size.inputs, {embedding, width, 1, width},
                                                   {scratch + j * width * S::input * LANES, S::input * LANES},
                                                   {table + j * S::input * LANES, row});
    }

    template <class S, int STAGE>
    static void unpack_table(const LayerSize &size, const float *d_table, const float *embedding, int64_t width,
                             Tensors weights, float *scratch, LayerTensors<float> to, float *d_embedding) {
        const int64_t row = size.padded * S::input;
        for (int q = 0; q < S::input; q++) {
            float *bias = to.bias + (S::input_block + q) * size.hidden;
            for (int64_t u = 0; u < size.hidden; u++) {
                const float *d = d_table + (u / LANES * S::input + q) * LANES + u % LANES;
                float total = 0;
                for (int64_t token = 0; token < size.inputs; token++) {
                    total += d[token * row];
                    if (!width) input_row<S>(size, to.input, token, q)[u] = d[token * row];
                }
                bias[u] = total;
            }
        }
        if (width) unpack_embedded<S>(size, d_table, embedding, width, weights, scratch, to, d_embedding);
    }

    // d weights = embedding^T d table; d embedding += d table weights^T.
    template <class S>
    static void unpack_embedded(const LayerSize &size, const float *d_table, const float *embedding, int64_t width,
                                Tensors weights, float *scratch, LayerTensors<float> to, float *d_embedding) {
        const int64_t row = size.padded * S::input, columns = vectors(width) * LANES;
        Arena arena(scratch);
        float *d_weights = arena.take(width * row), *d_vectors = arena.take(size.inputs * columns);
        Packed transposed{arena.take(Packed::size(row, vectors(width))), row, vectors(width)};
        std::memset(d_weights, 0, width * row * sizeof(float));
        for (int64_t j = 0; j < size.groups; j++)
            multiply_panel<Single, S::input, true>(width, {embedding, 1, width, size.inputs},
                                                   {d_table + j * S::input * LANES, row},
                                                   {d_weights + j * width * S::input * LANES, S::input * LANES});
        for_pieces<S::input>(size, width, d_weights, [&](int64_t k, int q, int64_t unit, const float *d, int64_t units) {
            std::memcpy(input_row<S>(size, to.input, k, q) + unit, d, units * sizeof(float));
        });
        transpose<S::input>(size, width, transposed,
                            [&](int64_t n, int q) { return input_row<S>(size, weights.input, n, q); });
        multiply<Single, false>(size.inputs, {d_table, row, 1, row}, transposed, d_vectors, columns);
        for (int64_t token = 0; token < size.inputs; token++)
            for (int64_t e = 0; e < width; e++) d_embedding[token * width + e] += d_vectors[token * columns + e];
    }

    template <class S, int STAGE>
    static void unpack_stage(const LayerSize &size, const LayerWeights &g, const float *embedding, int64_t width,
                             Tensors weights, float *scratch, LayerTensors<float> to, float *d_embedding) {
        for_pieces<S::recurrent>(size, size.hidden, g.recurrent[STAGE],
                                 [&](int64_t k, int q, int64_t unit, const float *d, int64_t units) {
            std::memcpy(recurrent_row<STAGE>(size, to.gates, to.candidate, k, q) + unit, d, units * sizeof(float));
        });
        if (TABLE) {
            unpack_table<S, STAGE>(size, g.input[STAGE], embedding, width, weights, scratch, to, d_embedding);
            return;
        }
        for_pieces<S::input>(size, size.inputs, g.input[STAGE],
                             [&](int64_t k, int q, int64_t unit, const float *d, int64_t units) {
            std::memcpy(input_row<S>(size, to.input, k, q) + unit, d, units * sizeof(float));
        });
        for_pieces<S::input>(size, 1, g.bias[STAGE], [&](int64_t, int q, int64_t unit, const float *d, int64_t units) {
            std::memcpy(to.bias + (S::input_block + q) * size.hidden + unit, d, units * sizeof(float));
        });
    }
};

}  // namespace gatelab
