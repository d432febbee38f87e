// From the letters of equations to the panels that the products read, and from their gradients back.
#pragma once

#include <cstring>

#include "../tensors.hpp"
#include "layout.hpp"

namespace gatelab {

template <class Cell, bool TABLE, class P>
struct WrittenPacking {
    using Layout = WrittenLayout<Cell, TABLE, P>;
    using Weights = typename Layout::Weights;
    using Transposed = typename Layout::Transposed;
    using Tensors = LayerTensors<const float>;

    // `embedding`: of a table whose tokens enter as learned vectors; `scratch`: room for the panels of its weights.
    static void pack(const LayerSize &size, Tensors from, const float *embedding, int64_t width, float *scratch,
                     const LayerWeights &weights, const LayerTransposed *transposed) {
        const Weights w = Layout::of(size, weights);
        for (int c = 0; c < Cell::chunks; c++) pack_chunk(size, from, embedding, width, scratch, c, w);
        for (int r = 0; r < Cell::runs; r++) {
            pack_panels(size, from, Cell::run[r].letters, Cell::run[r].count, size.hidden, w.recurrent[r]);
            round(size, size.hidden, Cell::run[r].count, w.recurrent[r]);
        }
        pack_vectors(size, from, w.vectors, w.mask);
        if (!transposed) return;
        const Transposed t = Layout::of(size, *transposed);
        pack_vectors(size, from, t.vectors, t.mask);
        for (int r = 0; r < Cell::runs; r++)
            transpose(size, from, Cell::run[r].letters, Cell::run[r].count, size.hidden, t.recurrent[r], true);
        for (int c = 0; !TABLE && c < Cell::chunks; c++)
            transpose(size, from, Cell::input[c] + Cell::chunk[c].input_first, Cell::chunk[c].inputs(), size.inputs,
                      t.input[c], true);
    }

    // Room that `pack` and `unpack` need beside the weights, for an embedding of this width.
    static int64_t scratch(const LayerSize &size, int64_t width) {
        return width ? width * size.padded * WIDEST * 2 + vectors(width) * LANES * size.inputs +
                           Packed::size(size.padded * WIDEST, vectors(width)) + 128
                     : 0;
    }

    // Gradients are added to letters: several sums may share one.
    static void unpack(const LayerSize &size, const LayerWeights &gradient, const float *embedding, int64_t width,
                       Tensors weights, float *scratch, LayerTensors<float> to, float *d_embedding) {
        const Weights g = Layout::of(size, gradient);
        const int64_t inputs = TABLE && width ? width : size.inputs;
        if (TABLE && width) std::memset(d_embedding, 0, size.inputs * width * sizeof(float));
        for (int letter = 0; letter < Cell::letters; letter++)
            for (int64_t k = 0; k < rows_of(size, letter, inputs); k++)
                std::memset(to.row(letter, k), 0, (Cell::kind[letter] == GATELAB_SCALAR ? 1 : size.hidden) * sizeof(float));
        for (int c = 0; c < Cell::chunks; c++)
            unpack_chunk(size, g, c, embedding, width, weights, scratch, to, d_embedding);
        for (int r = 0; r < Cell::runs; r++)
            unpack_panels(size, Cell::run[r].letters, Cell::run[r].count, size.hidden, g.recurrent[r], to);
        for (int v = 0; v < Cell::vectors; v++) {
            float *vector = to.row(Cell::vector[v], 0);
            for (int64_t u = 0; u < size.hidden; u++)
                vector[is_scalar(v) ? 0 : u] += g.vectors[v * size.padded + u];
        }
    }

  private:
    static bool is_scalar(int v) { return Cell::kind[Cell::vector[v]] == GATELAB_SCALAR; }

    static int64_t rows_of(const LayerSize &size, int letter, int64_t inputs) {
        const int kind = Cell::kind[letter];
        return kind == GATELAB_INPUT_MATRIX ? inputs : kind == GATELAB_MATRIX ? size.hidden : 1;
    }

    // Call body(k, q, unit, piece, units) for every piece of a panel matrix: units of one group, of sum q, in row k.
    template <class Float, class Body>
    static void for_pieces(const LayerSize &size, int64_t depth, int sums, Float *panels, Body &&body) {
        for (int64_t j = 0; j < size.groups; j++)
            for (int64_t k = 0; k < depth; k++)
                for (int q = 0; q < sums; q++)
                    body(k, q, j * LANES, panels + ((j * depth + k) * sums + q) * LANES,
                         std::min<int64_t>(LANES, size.hidden - j * LANES));
    }

    static void copy(float *to, const float *from, int64_t units) {
        for (int64_t u = 0; u < LANES; u++) to[u] = u < units ? from[u] : 0;
    }

    static void add(float *to, const float *from, int64_t units) {
        for (int64_t u = 0; u < units; u++) to[u] += from[u];
    }

    // Matrices of `depth` rows beside one another, one a sum.
    static void pack_panels(const LayerSize &size, Tensors from, const int *letters, int sums, int64_t depth, float *panels) {
        for_pieces(size, depth, sums, panels, [&](int64_t k, int q, int64_t unit, float *to, int64_t units) {
            copy(to, from.row(letters[q], k) + unit, units);
        });
    }

    static void unpack_panels(const LayerSize &size, const int *letters, int sums, int64_t depth, const float *panels,
                              LayerTensors<float> to) {
        for_pieces(size, depth, sums, panels, [&](int64_t k, int q, int64_t unit, const float *d, int64_t units) {
            add(to.row(letters[q], k) + unit, d, units);
        });
    }

    // Make slots of the numbers in a panel matrix.
    static void round(const LayerSize &size, int64_t depth, int sums, float *panels) {
        for (int64_t j = 0; j < size.groups; j++, panels += depth * sums * LANES)
            P::along_columns(panels, depth, sums * LANES, panels);
    }

    static void pack_vectors(const LayerSize &size, Tensors from, float *vectors, float *mask) {
        for (int v = 0; v < Cell::vectors; v++)
            for (int64_t u = 0; u < size.padded; u++)
                vectors[v * size.padded + u] = u < size.hidden ? from.row(Cell::vector[v], 0)[is_scalar(v) ? 0 : u] : 0;
        if (!Cell::masked) return;
        std::memset(mask, 0, size.padded * sizeof(float));
        std::memset(mask, 0xff, size.hidden * sizeof(float));
    }

    static void pack_chunk(const LayerSize &size, Tensors from, const float *embedding, int64_t width, float *scratch,
                           int c, const Weights &w) {
        const Chunk of = Cell::chunk[c];
        for_pieces(size, 1, of.width, w.bias[c], [&](int64_t, int q, int64_t unit, float *to, int64_t units) {
            const int letter = Cell::bias[c][q];
            letter < 0 ? copy(to, nullptr, 0) : copy(to, from.row(letter, 0) + unit, units);
        });
        if (!of.inputs()) return;
        if (TABLE) return pack_table(size, from, embedding, width, scratch, c, w.input[c]);
        pack_panels(size, from, Cell::input[c] + of.input_first, of.inputs(), size.inputs, w.input[c]);
        round(size, size.inputs, of.inputs(), w.input[c]);
    }

    // Row [group][sum][lane] of a transposed matrix, column n: the weights from n to that sum.
    static void transpose(const LayerSize &size, Tensors from, const int *letters, int sums, int64_t columns,
                          const Packed &to, bool rounded) {
        std::memset(to.data, 0, Packed::size(to.depth, to.vectors) * sizeof(float));
        for (int64_t first = 0; first < to.vectors; first += PANEL) {
            float *panel = to.panel(first);
            const int64_t stride = to.width(first) * LANES;
            const int64_t end = std::min(columns, first * LANES + stride);
            for (int64_t n = first * LANES; n < end; n++)
                for (int q = 0; q < sums; q++) {
                    const float *weights = from.row(letters[q], n);
                    for (int64_t u = 0; u < size.hidden; u++)
                        panel[((u / LANES * sums + q) * LANES + u % LANES) * stride + n - first * LANES] = weights[u];
                }
        }
        if (rounded) to.template round<P>();
    }

    // -- Tables ---------------------------------------------------------------------------------------------------------

    // The input's part of the sums for each token: its row of the weights, or of embedding times weights; and the bias.
    static void pack_table(const LayerSize &size, Tensors from, const float *embedding, int64_t width, float *scratch,
                           int c, float *table) {
        const Chunk of = Cell::chunk[c];
        const int sums = of.inputs(), *letters = Cell::input[c] + of.input_first, *biases = Cell::bias[c] + of.input_first;
        const int64_t row = size.padded * sums;
        for (int64_t token = 0; token < size.inputs; token++)
            for_pieces(size, 1, sums, table + token * row, [&](int64_t, int q, int64_t unit, float *to, int64_t units) {
                biases[q] < 0 ? copy(to, nullptr, 0) : copy(to, from.row(biases[q], 0) + unit, units);
                if (!width) add(to, from.row(letters[q], token) + unit, units);
            });
        if (!width) return;
        pack_panels(size, from, letters, sums, width, scratch);
        for (int64_t j = 0; j < size.groups; j++)
            add_panel(sums, size.inputs, {embedding, width, 1, width}, {scratch + j * width * sums * LANES, sums * LANES},
                      {table + j * sums * LANES, row});
    }

    // C (rows, sums) += A times B, of one group of units.
    static void add_panel(int sums, int64_t rows, const Left &a, const Right &b, const Result &c) {
        switch (sums) {
            case 1: return multiply_panel<Single, 1, true>(rows, a, b, c);
            case 2: return multiply_panel<Single, 2, true>(rows, a, b, c);
            case 3: return multiply_panel<Single, 3, true>(rows, a, b, c);
            default: return multiply_panel<Single, 4, true>(rows, a, b, c);
        }
    }

    static void unpack_chunk(const LayerSize &size, const Weights &g, int c, const float *embedding, int64_t width,
                             Tensors weights, float *scratch, LayerTensors<float> to, float *d_embedding) {
        const Chunk of = Cell::chunk[c];
        const int inputs = of.inputs(), *letters = Cell::input[c] + of.input_first;
        // Of sums with an input a table has the gradient of the bias.
        for_pieces(size, 1, of.width, g.bias[c], [&](int64_t, int q, int64_t unit, const float *d, int64_t units) {
            if (Cell::bias[c][q] >= 0) add(to.row(Cell::bias[c][q], 0) + unit, d, units);
        });
        if (!inputs) return;
        if (!TABLE) return unpack_panels(size, letters, inputs, size.inputs, g.input[c], to);
        const int64_t row = size.padded * inputs;
        for (int64_t token = 0; token < size.inputs; token++)
            for_pieces(size, 1, inputs, g.input[c] + token * row, [&](int64_t, int q, int64_t unit, const float *d, int64_t units) {
                const int bias = Cell::bias[c][of.input_first + q];
                if (bias >= 0) add(to.row(bias, 0) + unit, d, units);
                if (!width) add(to.row(letters[q], token) + unit, d, units);
            });
        if (width) unpack_embedded(size, g.input[c], letters, inputs, embedding, width, weights, scratch, to, d_embedding);
    }

    // d weights = embedding^T d table; d embedding += d table weights^T.
    static void unpack_embedded(const LayerSize &size, const float *d_table, const int *letters, int sums,
                                const float *embedding, int64_t width, Tensors weights, float *scratch,
                                LayerTensors<float> to, float *d_embedding) {
        const int64_t row = size.padded * sums, columns = vectors(width) * LANES;
        Arena arena(scratch, false);
        float *d_weights = arena.take(width * row), *d_vectors = arena.take(size.inputs * columns);
        Packed transposed{arena.take(Packed::size(row, vectors(width))), row, vectors(width)};
        std::memset(d_weights, 0, width * row * sizeof(float));
        for (int64_t j = 0; j < size.groups; j++)
            add_panel(sums, width, {embedding, 1, width, size.inputs}, {d_table + j * sums * LANES, row},
                      {d_weights + j * width * sums * LANES, sums * LANES});
        unpack_panels(size, letters, sums, width, d_weights, to);
        transpose(size, weights, letters, sums, width, transposed, false);
        multiply<Single, false>(size.inputs, {d_table, row, 1, row}, transposed, d_vectors, columns);
        for (int64_t token = 0; token < size.inputs; token++)
            for (int64_t e = 0; e < width; e++) d_embedding[token * width + e] += d_vectors[token * columns + e];
    }
};

}  // namespace gatelab
