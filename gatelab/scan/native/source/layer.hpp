// One layer of any cell over a tile of rows: forward over all steps, and back. A tile stays in cache from the first
// step to the last; its rows are computed by one thread.
#pragma once

#include <algorithm>
#include <cstring>

#include "layer_layout.hpp"
#include "part.hpp"

namespace gatelab {

template <class Cell, bool TABLE, class P>
struct Layer : LayerLayout<Cell, TABLE, P> {
    using Layout = LayerLayout<Cell, TABLE, P>;
    using typename Layout::First, typename Layout::Second;
    using Layout::TWO, Layout::KEPT;

    // -- Forward ------------------------------------------------------------------------------------------------------

    // `x`: [step][row][input_padded], the outputs of the layer below; a table needs none. A part of the units only in
    // single precision: the threads of a team would round the same operands.
    template <bool TRAIN>
    static void forward(const LayerSize &size, const LayerWeights &w, const Tile &tile, const float *x,
                        const LayerWork &work, const Part &part) {
        for (int64_t t = 0; t < tile.steps; t++) {
            const float *x_t = TABLE ? nullptr : left_input(size, tile, x + t * tile.rows * size.input_padded, work);
            const float *h = work.state[0] + t * tile.rows * size.padded;
            const float *left_h = left(size, tile, h, work);
            auto finish = [&](const Vector *sums, int64_t row, int64_t j) {
                Vector before[Cell::states], after[Cell::states];
                const int64_t at = (t * tile.rows + row) * size.padded + j * LANES, step = tile.rows * size.padded;
                for (int s = 0; s < Cell::states; s++) before[s] = load(work.state[s] + at);
                // Only a second stage reads what was kept when nothing goes back.
                Vector scratch[KEPT], *kept = TRAIN || TWO ? kept_at<TRAIN>(size, tile, work, t, row, j) : scratch;
                Cell::forward(sums, before, after, kept);
                for (int s = 0; s < Cell::states; s++) store(work.state[s] + at + step, after[s]);
            };
            if constexpr (TWO) {
                stage<First, 0>(size, w, tile, t, x_t, left_h, part, [&](const Vector *sums, int64_t row, int64_t j) {
                    const int64_t at = row * size.padded + j * LANES;
                    Vector before = load(h + at), operand;
                    Cell::gates(sums, &before, operand, kept_at<TRAIN>(size, tile, work, t, row, j));
                    store(work.operand + at, operand);
                });
                part.wait();
                stage<Second, 1>(size, w, tile, t, x_t, left(size, tile, work.operand, work), part, finish);
            } else {
                stage<First, 0>(size, w, tile, t, x_t, left_h, part, finish);
            }
            part.wait();
        }
    }

    // -- Backward -----------------------------------------------------------------------------------------------------

    // `d_out`: [step][row][padded], the gradient of the outputs. `d_x`: as x, the gradient of the layer below's.
    static void backward(const LayerSize &size, const LayerTransposed &w, const LayerWeights &g, const Tile &tile,
                         const float *x, const float *d_out, float *d_x, const LayerWork &work) {
        for (int s = 0; s < Cell::states; s++)
            std::memset(work.d_state[s], 0, tile.rows * size.padded * sizeof(float));
        for (int64_t end = tile.steps; end > 0;) {
            const int64_t begin = std::max<int64_t>(0, end - work.chunk);
            for (int64_t t = end - 1; t >= begin; t--) {
                back_through_step(size, g, tile, t, t - begin, d_out, work);
                if constexpr (TWO) {
                    round_d_sums<Second>(size, tile, work, 1, t - begin);
                    multiply<P, false>(tile.rows, d_sums_of<Second>(size, tile, work, 1, t - begin, Second::recurrent),
                                       w.recurrent[1], work.d_operand, size.padded);
                    back_through_gates(size, g, tile, t, t - begin, work);
                }
                round_d_sums<First>(size, tile, work, 0, t - begin);
                if (t > 0)
                    multiply<P, true>(tile.rows, d_sums_of<First>(size, tile, work, 0, t - begin, First::recurrent),
                                      w.recurrent[0], work.d_state[0], size.padded);
            }
            const float *h = work.state[0] + begin * tile.rows * size.padded;
            sum_up<First, 0>(size, w, g, tile, begin, end, h, x, d_x, work);
            if constexpr (TWO) sum_up<Second, 1>(size, w, g, tile, begin, end, work.operand, x, d_x, work);
            end = begin;
        }
    }

  private:
    // A step's states, or what the second stage's product takes in their place, as left operands.
    GATELAB_INLINE static const float *left(const LayerSize &size, const Tile &tile, const float *h,
                                            const LayerWork &work) {
        return P::along_rows(h, tile.rows * size.padded, work.left);
    }

    GATELAB_INLINE static const float *left_input(const LayerSize &size, const Tile &tile, const float *x,
                                                  const LayerWork &work) {
        return P::along_rows(x, tile.rows * size.input_padded, work.left_input);
    }

    template <bool TRAIN>
    GATELAB_INLINE static Vector *kept_at(const LayerSize &size, const Tile &tile, const LayerWork &work, int64_t t,
                                          int64_t row, int64_t j) {
        const int64_t at = ((TRAIN ? t : 0) * tile.rows + row) * size.groups + j;
        return reinterpret_cast<Vector *>(work.kept + at * KEPT * LANES);
    }

    // The sums of one stage at one step, for all rows; `finish(sums, row, group)` makes of them what follows.
    // Where there is but one sum a unit, two groups of units share what is loaded of the left operand.
    template <class S, int STAGE, class Finish>
    GATELAB_INLINE static void stage(const LayerSize &size, const LayerWeights &w, const Tile &tile, int64_t t,
                                     const float *x, const float *h, const Part &part, Finish &&finish) {
        int64_t j = part.begin(size.groups);
        const int64_t end = part.end(size.groups);
        if constexpr (S::width == 1)
            for (; j + 2 <= end; j += 2) groups<S, STAGE, 2>(size, w, tile, t, j, x, h, finish);
        for (; j < end; j++) groups<S, STAGE, 1>(size, w, tile, t, j, x, h, finish);
    }

    template <class S, int STAGE, int GROUPS, class Finish>
    GATELAB_INLINE static void groups(const LayerSize &size, const LayerWeights &w, const Tile &tile, int64_t t,
                                      int64_t j, const float *x, const float *h, Finish &finish) {
        static_assert(GROUPS == 1 || S::width == 1);
        // A table holds the input's part: sums that have only that need no register during the product.
        constexpr int SUMS = (TABLE ? S::recurrent : S::width) * GROUPS;
        for_row_blocks<rows_in_registers(SUMS)>(tile.rows, [&](int64_t at, auto block) {
            constexpr int ROWS = decltype(block)::value;
            const float *input[ROWS];  // the input's part of the sums, from `input_first` on
            Vector sums[ROWS][SUMS];
#pragma GCC unroll 16
            for (int i = 0; i < ROWS; i++) {
                const int64_t token = TABLE ? tile.tokens[t * tile.rows + at + i] : 0;
                input[i] = (TABLE ? w.input[STAGE] + token * size.groups * S::input * LANES : w.bias[STAGE]) +
                           j * S::input * LANES;
#pragma GCC unroll 4
                for (int q = 0; q < SUMS; q++)
                    sums[i][q] =
                        load(q < S::input_first ? w.candidate_bias + j * LANES : input[i] + (q - S::input_first) * LANES);
            }
            if constexpr (!TABLE) {
                const int64_t panel = size.inputs * S::input * LANES;
                accumulate<P, S::input_first, S::input * GROUPS>(
                    sums, P::slots(size.inputs), x + at * P::slots(size.input_padded), P::slots(size.input_padded), 1,
                    {w.input[STAGE] + j * panel, S::input * LANES, GROUPS == 1 ? LANES : panel});
            }
            const int64_t panel = size.hidden * S::recurrent * LANES;
            accumulate<P, 0, S::recurrent * GROUPS>(
                sums, P::slots(size.hidden), h + at * P::slots(size.padded), P::slots(size.padded), 1,
                {w.recurrent[STAGE] + j * panel, S::recurrent * LANES, GROUPS == 1 ? LANES : panel});
#pragma GCC unroll 16
            for (int i = 0; i < ROWS; i++) {
                if constexpr (GROUPS == 2) {
                    finish(&sums[i][0], at + i, j);
                    finish(&sums[i][1], at + i, j + 1);
                } else {
                    Vector all[S::width];
                    for (int q = 0; q < S::width; q++)
                        all[q] = q < SUMS ? sums[i][q < SUMS ? q : 0] : load(input[i] + (q - S::input_first) * LANES);
                    finish(all, at + i, j);
                }
            }
        });
    }

    // Where the gradients of a row's sums are, in step `local` of the chunk.
    template <class S>
    GATELAB_INLINE static float *d_sums_at(const Tile &tile, const LayerWork &work, int s, int64_t local, int64_t row,
                                           int64_t j) {
        return work.d_sums[s] + ((j * work.chunk + local) * tile.rows + row) * S::width * LANES;
    }

    // Where they are as left operands.
    template <class S>
    static int64_t d_left_at(const Tile &tile, const LayerWork &work, int64_t local, int64_t j) {
        return P::slots((j * work.chunk + local) * tile.rows * S::width * LANES);
    }

    template <class S>
    GATELAB_INLINE static void round_d_sums(const LayerSize &size, const Tile &tile, const LayerWork &work, int s,
                                            int64_t local) {
        for (int64_t j = 0; j < size.groups; j++)
            P::along_rows(d_sums_at<S>(tile, work, s, local, 0, j), tile.rows * S::width * LANES,
                          work.d_left[s] + d_left_at<S>(tile, work, local, j));
    }

    // The gradients of `count` sums from the first on, of all rows from a step of the chunk on, as a left operand.
    template <class S>
    static Left d_sums_of(const LayerSize &size, const Tile &tile, const LayerWork &work, int s, int64_t local,
                          int count, int first = 0) {
        return {work.d_left[s] + d_left_at<S>(tile, work, local, 0) + P::slots(first * LANES),
                P::slots(S::width * LANES),
                1,
                P::slots(count * LANES),
                size.groups,
                P::slots(work.chunk * tile.rows * S::width * LANES)};
    }

    // Keep the gradients of a stage's sums, and add them to what is summed up at once: tables and biases.
    template <class S, int STAGE>
    GATELAB_INLINE static void put(const LayerSize &size, const LayerWeights &g, const Tile &tile, const LayerWork &work,
                                   int64_t t, int64_t local, int64_t row, int64_t j, const Vector *d_sums) {
        float *to = d_sums_at<S>(tile, work, STAGE, local, row, j);
        for (int q = 0; q < S::width; q++) store(to + q * LANES, d_sums[q]);
        float *input = TABLE ? g.input[STAGE] + (tile.tokens[t * tile.rows + row] * size.groups + j) * S::input * LANES
                             : g.bias[STAGE] + j * S::input * LANES;
        for (int q = S::input_first; q < S::width; q++) add_to(input + (q - S::input_first) * LANES, d_sums[q]);
        if (S::input_first == 1) add_to(g.candidate_bias + j * LANES, d_sums[0]);
    }

    GATELAB_INLINE static void back_through_step(const LayerSize &size, const LayerWeights &g, const Tile &tile,
                                                 int64_t t, int64_t local, const float *d_out, const LayerWork &work) {
        const int64_t step = tile.rows * size.padded;
        for (int64_t row = 0; row < tile.rows; row++) {
            for (int64_t j = 0; j < size.groups; j++) {
                const int64_t in_step = row * size.padded + j * LANES, at = t * step + in_step;
                Vector before[Cell::states], after[Cell::states], d[Cell::states], d_before[Cell::states];
                for (int s = 0; s < Cell::states; s++) {
                    before[s] = load(work.state[s] + at);
                    after[s] = load(work.state[s] + at + step);
                    d[s] = load(work.d_state[s] + in_step);
                }
                d[0] += load(d_out + at);
                const Vector *kept = kept_at<true>(size, tile, work, t, row, j);
                if constexpr (TWO) {
                    Vector d_sums[Second::width], d_gates[First::width];
                    Cell::backward(kept, before, after, d, d_sums, d_before, d_gates);
                    put<Second, 1>(size, g, tile, work, t, local, row, j, d_sums);
                    // The reset gate's comes later, from the gradient of the operand.
                    float *gates = d_sums_at<First>(tile, work, 0, local, row, j);
                    for (int q = 1; q < First::width; q++) store(gates + q * LANES, d_gates[q]);
                    store(work.operand + local * step + in_step, Cell::operand(kept, before));
                } else {
                    Vector d_sums[First::width];
                    Cell::backward(kept, before, after, d, d_sums, d_before);
                    put<First, 0>(size, g, tile, work, t, local, row, j, d_sums);
                }
                for (int s = 0; s < Cell::states; s++) store(work.d_state[s] + in_step, d_before[s]);
            }
        }
    }

    GATELAB_INLINE static void back_through_gates(const LayerSize &size, const LayerWeights &g, const Tile &tile,
                                                  int64_t t, int64_t local, const LayerWork &work) {
        for (int64_t row = 0; row < tile.rows; row++) {
            for (int64_t j = 0; j < size.groups; j++) {
                const int64_t in_step = row * size.padded + j * LANES;
                Vector before = load(work.state[0] + t * tile.rows * size.padded + in_step);
                Vector d_before = load(work.d_state[0] + in_step), d_gates[First::width];
                const float *gates = d_sums_at<First>(tile, work, 0, local, row, j);
                for (int q = 1; q < First::width; q++) d_gates[q] = load(gates + q * LANES);
                Cell::backward_gates(kept_at<true>(size, tile, work, t, row, j), &before,
                                     load(work.d_operand + in_step), d_gates, &d_before);
                put<First, 0>(size, g, tile, work, t, local, row, j, d_gates);
                store(work.d_state[0] + in_step, d_before);
            }
        }
    }

    // The gradients of a stage's weights, and of the layer below, from the steps [begin, end) of a chunk.
    template <class S, int STAGE>
    static void sum_up(const LayerSize &size, const LayerTransposed &w, const LayerWeights &g, const Tile &tile,
                       int64_t begin, int64_t end, const float *h, const float *x, float *d_x, const LayerWork &work) {
        const int64_t rows = (end - begin) * tile.rows;
        const Left from_h{P::along_columns(h, rows, size.padded, work.columns), 1, size.padded, P::slots(rows)};
        Left from_x{nullptr, 1, size.input_padded, P::slots(rows)};
        if (!TABLE)
            from_x.data = P::along_columns(x + begin * tile.rows * size.input_padded, rows, size.input_padded,
                                           work.input_columns);
        const int64_t panel = size.hidden * S::recurrent * LANES, input_panel = size.inputs * S::input * LANES;
        auto groups = [&](int64_t j, auto count) {
            constexpr int GROUPS = decltype(count)::value;
            const float *d_sums = d_columns<S, STAGE>(tile, rows, j, 0, work);
            const int64_t d_panel = GROUPS == 1 ? LANES : d_columns<S, STAGE>(tile, rows, j + 1, 1, work) - d_sums;
            multiply_panel<P, S::recurrent * GROUPS, true>(
                size.hidden, from_h, {d_sums, S::width * LANES, d_panel},
                {g.recurrent[STAGE] + j * panel, S::recurrent * LANES, GROUPS == 1 ? LANES : panel});
            if constexpr (!TABLE)
                multiply_panel<P, S::input * GROUPS, true>(
                    size.inputs, from_x, {d_sums + S::input_first * LANES, S::width * LANES, d_panel},
                    {g.input[STAGE] + j * input_panel, S::input * LANES, GROUPS == 1 ? LANES : input_panel});
        };
        int64_t j = 0;
        if constexpr (S::width == 1)
            for (; j + 2 <= size.groups; j += 2) groups(j, std::integral_constant<int, 2>{});
        for (; j < size.groups; j++) groups(j, std::integral_constant<int, 1>{});
        if constexpr (!TABLE)
            multiply<P, STAGE == 1>(rows, d_sums_of<S>(size, tile, work, STAGE, 0, S::input, S::input_first),
                                    w.input[STAGE], d_x + begin * tile.rows * size.input_padded, size.input_padded);
    }

    // The gradients of a group's sums in the chunk's first rows, as a right operand; in place `at` of those in use.
    template <class S, int STAGE>
    GATELAB_INLINE static const float *d_columns(const Tile &tile, int64_t rows, int64_t j, int at,
                                                 const LayerWork &work) {
        return P::along_columns(d_sums_at<S>(tile, work, STAGE, 0, 0, j), rows, S::width * LANES,
                                work.d_columns + at * P::room(rows) * S::width * LANES);
    }
};

}  // namespace gatelab
