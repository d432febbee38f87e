// One layer of a cell of equations over a tile of rows: forward over all steps, and back.
#pragma once

#include <cstring>

#include "../part.hpp"
#include "means.hpp"
#include "unit.hpp"

namespace gatelab {

template <class Cell, bool TABLE, class P>
struct WrittenLayer : WrittenLayout<Cell, TABLE, P> {
    using Layout = WrittenLayout<Cell, TABLE, P>;
    using typename Layout::Of, typename Layout::Weights, typename Layout::Transposed, typename Layout::Work;
    using Layout::OPERANDS;

    // -- Forward ------------------------------------------------------------------------------------------------------

    // `x`: [step][row][input_padded], the outputs of the layer below; a table needs none. A part of the units only in
    // single precision: the threads of a team would round the same operands.
    template <bool TRAIN>
    static void forward(const LayerSize &size, const LayerWeights &weights, const Tile &tile, const float *x,
                        const LayerWork &work, const Part &part) {
        const Weights w = Layout::of(size, weights);
        const Work own = Layout::of(size, work);
        const int64_t rows = tile.rows * size.padded, inputs = tile.rows * size.input_padded;
        for (int64_t t = 0; t < tile.steps; t++) {
            ForwardStep<Cell> step;
            begin(size, tile, w, work, own, TRAIN ? t : 0, t, step);
            const float *x_t = TABLE ? nullptr : P::along_rows(x + t * inputs, inputs, own.left_input);
            const float *left[OPERANDS] = {};
            for_each<Cell::phases>([&](auto phase) GATELAB_ALWAYS {
                constexpr int PHASE = decltype(phase)::value;
                for (int o = 0; o < Cell::operands; o++)
                    if (Of::first_phase(o, true) == PHASE)
                        left[o] = P::along_rows(operand(o, work, own, t, 0, rows), rows, own.left[o]);
                all_groups<TRAIN, PHASE>(size, w, tile, t, x_t, left, step, part);
                part.wait();
                if constexpr (ends_with_means(PHASE, Cell::mean_phase, Cell::means)) {
                    if (part.first()) take_means(PHASE, Cell::mean_phase, Cell::means, size, tile.rows, own.mean_of, own.mean);
                    part.wait();
                }
            });
        }
    }

    // -- Backward -----------------------------------------------------------------------------------------------------

    // `d_out`: [step][row][padded], the gradient of the outputs. `d_x`: as x, the gradient of the layer below's.
    static void backward(const LayerSize &size, const LayerTransposed &transposed, const LayerWeights &gradient,
                         const Tile &tile, const float *x, const float *d_out, float *d_x, const LayerWork &work) {
        const Transposed w = Layout::of(size, transposed);
        const Weights g = Layout::of(size, gradient);
        const Work own = Layout::of(size, work);
        const int64_t rows = tile.rows * size.padded;
        for (int s = 0; s < Cell::states; s++) std::memset(own.d_state[0][s], 0, rows * sizeof(float));
        int now = 0;
        for (int64_t end = tile.steps; end > 0;) {
            const int64_t first = std::max<int64_t>(0, end - work.chunk);
            for (int64_t t = end - 1; t >= first; t--, now = !now)
                back_through_step(size, w, g, tile, t, t - first, d_out + t * rows, work, own, now);
            for_each<Cell::chunks>([&](auto chunk) GATELAB_ALWAYS {
                sum_up<decltype(chunk)::value>(size, w, g, tile, first, end, x, d_x, work, own);
            });
            end = first;
        }
    }

  private:
    // What both ways see of a step; `kept`: the step whose numbers are kept there.
    template <class SomeWeights>
    static void begin(const LayerSize &size, const Tile &tile, const SomeWeights &w, const LayerWork &work, const Work &own,
                      int64_t kept, int64_t t, ForwardStep<Cell> &step) {
        const int64_t rows = tile.rows * size.padded;
        step.groups = size.groups, step.padded = size.padded;
        for (int s = 0; s < Cell::states; s++) {
            step.before[s] = work.state[s] + t * rows;
            step.after[s] = work.state[s] + (t + 1) * rows;
        }
        for (int o = 0; o < Cell::computed; o++) step.operand[o] = own.operand[o];
        step.kept = own.kept + kept * rows * Cell::kept;
        step.mean_of = own.mean_of, step.mean = own.mean;
        step.vectors = w.vectors, step.mask = w.mask;
    }

    // Where an operand of step t is; what is computed has the places of the steps of a chunk alone.
    static const float *operand(int number, const LayerWork &work, const Work &own, int64_t t, int64_t local, int64_t rows) {
        const Operand of = Cell::operand[number];
        if (of.kind == Operand::COMPUTED) return own.operand[of.index] + local * rows;
        return work.state[of.index] + (of.kind == Operand::AFTER ? t + 1 : t) * rows;
    }

    // The sums of a phase at one step for all rows, and the operations that follow them. Where there is but one sum a
    // unit, two groups of units share what is loaded of the left operand.
    template <bool TRAIN, int PHASE>
    GATELAB_INLINE static void all_groups(const LayerSize &size, const Weights &w, const Tile &tile, int64_t t,
                                          const float *x, const float *const *left, const ForwardStep<Cell> &step,
                                          const Part &part) {
        int64_t j = part.begin(size.groups);
        const int64_t end = part.end(size.groups);
        if constexpr (Of::sums(PHASE) == 1)
            for (; j + 2 <= end; j += 2) groups<TRAIN, PHASE, 2>(size, w, tile, t, j, x, left, step);
        for (; j < end; j++) groups<TRAIN, PHASE, 1>(size, w, tile, t, j, x, left, step);
    }

    template <bool TRAIN, int PHASE, int GROUPS>
    GATELAB_INLINE static void groups(const LayerSize &size, const Weights &w, const Tile &tile, int64_t t, int64_t j,
                                      const float *x, const float *const *left, const ForwardStep<Cell> &step) {
        constexpr int WIDTH = Of::sums(PHASE) ? Of::sums(PHASE) : 1;
        for_row_blocks<rows_in_registers(Of::in_registers(PHASE, TABLE) * GROUPS)>(tile.rows, [&](int64_t at, auto block) {
            constexpr int ROWS = decltype(block)::value;
            Vector sums[ROWS][GROUPS][WIDTH];
            const int32_t *tokens = tile.tokens + t * tile.rows + at;
            for_each<Cell::chunks>([&](auto chunk) GATELAB_ALWAYS {
                constexpr int C = decltype(chunk)::value;
                if constexpr (Cell::chunk[C].phase == PHASE) chunk_sums<C>(size, w, tokens, at, j, x, left, sums);
            });
            for (int i = 0; i < ROWS; i++)
                for (int n = 0; n < GROUPS; n++)
                    Cell::forward(Phase<PHASE>{}, sums[i][n], ForwardUnit<Cell, TRAIN>(step, at + i, j + n));
        });
    }

    // The sums of a chunk for a block of rows from `at` on, whose tokens these are.
    template <int C, int ROWS, int GROUPS, int WIDTH>
    GATELAB_INLINE static void chunk_sums(const LayerSize &size, const Weights &w, const int32_t *tokens, int64_t at,
                                          int64_t j, const float *x, const float *const *left,
                                          Vector (&to)[ROWS][GROUPS][WIDTH]) {
        constexpr Chunk of = Cell::chunk[C];
        constexpr int INPUTS = of.inputs(), BEGIN = Of::begin(C);
        // A table holds the input's part: sums that have only that need no register during the product.
        constexpr int SUMS = TABLE ? of.recurrent : of.width;
        const auto start = [&](int i, int n, int q) GATELAB_ALWAYS {
            if (!TABLE || q < of.input_first) return load(w.bias[C] + ((j + n) * of.width + q) * LANES);
            return load(w.input[C] + ((tokens[i] * size.groups + j + n) * INPUTS + q - of.input_first) * LANES);
        };
        if constexpr (SUMS > 0) {
            Vector sums[ROWS][SUMS * GROUPS];
#pragma GCC unroll 16
            for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 4
                for (int q = 0; q < SUMS * GROUPS; q++) sums[i][q] = start(i, q / SUMS, q % SUMS);
            if constexpr (!TABLE && INPUTS > 0)
                accumulate<P, of.input_first, INPUTS * GROUPS>(
                    sums, P::slots(size.inputs), x + at * P::slots(size.input_padded), P::slots(size.input_padded), 1,
                    panel<INPUTS, GROUPS>(w.input[C], size.inputs, j));
            for_each<Cell::runs>([&](auto run) GATELAB_ALWAYS {
                constexpr Run R = Cell::run[decltype(run)::value];
                if constexpr (R.chunk == C)
                    accumulate<P, R.first, R.count * GROUPS>(
                        sums, P::slots(size.hidden), left[R.operand] + at * P::slots(size.padded), P::slots(size.padded), 1,
                        panel<R.count, GROUPS>(w.recurrent[decltype(run)::value], size.hidden, j));
            });
#pragma GCC unroll 16
            for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 4
                for (int q = 0; q < SUMS * GROUPS; q++) to[i][q / SUMS][BEGIN + q % SUMS] = sums[i][q];
        }
        for (int i = 0; i < ROWS; i++)
            for (int q = SUMS; q < of.width; q++) to[i][0][BEGIN + q] = start(i, 0, q);
        if constexpr (GROUPS == 2 && SUMS == 0)
            for (int i = 0; i < ROWS; i++) to[i][1][BEGIN] = start(i, 1, 0);
    }

    // The columns of `count` sums of a panel matrix, for one group of units or for two.
    template <int COUNT, int GROUPS>
    GATELAB_INLINE static Right panel(const float *panels, int64_t depth, int64_t j) {
        const int64_t size = depth * COUNT * LANES;
        return {panels + j * size, COUNT * LANES, GROUPS == 1 ? LANES : size};
    }

    GATELAB_INLINE static void back_through_step(const LayerSize &size, const Transposed &w, const Weights &g,
                                                 const Tile &tile, int64_t t, int64_t local, const float *d_out,
                                                 const LayerWork &work, const Work &own, int now) {
        const int64_t rows = tile.rows * size.padded;
        BackwardStep<Cell> step;
        begin(size, tile, w, work, own, t, t, step);
        step.rows = tile.rows, step.chunk = work.chunk, step.local = local;
        for (int o = 0; o < Cell::computed; o++) step.operand[o] += local * rows;
        step.d_out = d_out, step.crossing = own.crossing, step.tokens = tile.tokens + t * tile.rows;
        for (int s = 0; s < Cell::states; s++)
            step.d_after[s] = own.d_state[now][s], step.d_before[s] = own.d_state[!now][s];
        for (int o = 0; o < Cell::operands; o++) step.d_operand[o] = own.d_operand[o];
        for (int c = 0; c < Cell::chunks; c++)
            step.d_sums[c] = own.d_sums[c], step.g_input[c] = g.input[c], step.g_bias[c] = g.bias[c];
        step.g_vectors = g.vectors;
        for_each<Cell::phases>([&](auto back) GATELAB_ALWAYS {
            constexpr int PHASE = Cell::phases - 1 - decltype(back)::value;
            for (int64_t row = 0; row < tile.rows; row++)
                for (int64_t j = 0; j < size.groups; j++)
                    Cell::backward(Phase<PHASE>{}, BackwardUnit<Cell, TABLE>(step, row, j));
            if constexpr (ends_with_means(PHASE, Cell::back_mean_phase, Cell::back_means))
                take_means(PHASE, Cell::back_mean_phase, Cell::back_means, size, tile.rows, own.mean_of, own.mean);
            back_through_products<PHASE>(size, w, tile, t, local, work, own, step);
        });
    }

    // From the gradients of a phase's sums to those of its operands.
    template <int PHASE>
    GATELAB_INLINE static void back_through_products(const LayerSize &size, const Transposed &w, const Tile &tile,
                                                     int64_t t, int64_t local, const LayerWork &work, const Work &own,
                                                     const BackwardStep<Cell> &step) {
        for_each<Cell::chunks>([&](auto chunk) GATELAB_ALWAYS {
            constexpr int C = decltype(chunk)::value;
            if constexpr (Cell::chunk[C].phase == PHASE)
                for (int64_t j = 0; j < size.groups; j++)
                    P::along_rows(d_sums_at<C>(tile, work, own, local, j), tile.rows * Cell::chunk[C].width * LANES,
                                  own.d_left[C] + d_left_at<C>(tile, work, local, j));
        });
        for_each<Cell::runs>([&](auto run) GATELAB_ALWAYS {
            constexpr int R = decltype(run)::value;
            constexpr Run of = Cell::run[R];
            constexpr Operand to = Cell::operand[of.operand];
            if constexpr (Cell::chunk[of.chunk].phase == PHASE) {
                const Left left = d_sums_of<of.chunk>(size, tile, work, own, local, of.first, of.count);
                if constexpr (to.kind != Operand::BEFORE)
                    multiply<P, !Of::begins(R)>(tile.rows, left, w.recurrent[R], step.d_operand[of.operand], size.padded);
                else if (t > 0)
                    multiply<P, true>(tile.rows, left, w.recurrent[R], step.d_before[to.index], size.padded);
            }
        });
    }

    // Where the gradients of a chunk's sums are, from a step on.
    template <int C>
    GATELAB_INLINE static float *d_sums_at(const Tile &tile, const LayerWork &work, const Work &own, int64_t local,
                                           int64_t j) {
        return own.d_sums[C] + (j * work.chunk + local) * tile.rows * Cell::chunk[C].width * LANES;
    }

    // Where they are as left operands.
    template <int C>
    static int64_t d_left_at(const Tile &tile, const LayerWork &work, int64_t local, int64_t j) {
        return P::slots((j * work.chunk + local) * tile.rows * Cell::chunk[C].width * LANES);
    }

    // The gradients of `count` sums from `first` on, of all rows from a step of the chunk on, as a left operand.
    template <int C>
    static Left d_sums_of(const LayerSize &size, const Tile &tile, const LayerWork &work, const Work &own, int64_t local,
                          int first, int count) {
        constexpr int WIDTH = Cell::chunk[C].width;
        return {own.d_left[C] + d_left_at<C>(tile, work, local, 0) + P::slots(first * LANES),
                P::slots(WIDTH * LANES),
                1,
                P::slots(count * LANES),
                size.groups,
                P::slots(work.chunk * tile.rows * WIDTH * LANES)};
    }

    // The gradients of a chunk's weights, and of the layer below, from the steps [begin, end).
    template <int C>
    static void sum_up(const LayerSize &size, const Transposed &w, const Weights &g, const Tile &tile, int64_t begin,
                       int64_t end, const float *x, float *d_x, const LayerWork &work, const Work &own) {
        constexpr Chunk of = Cell::chunk[C];
        const int64_t step = tile.rows * size.padded, rows = (end - begin) * tile.rows;
        const int64_t inputs = tile.rows * size.input_padded;
        const float *from[OPERANDS] = {}, *from_x = nullptr;
        for (int r = 0; r < Cell::runs; r++)
            if (const int o = Cell::run[r].operand; Cell::run[r].chunk == C)
                from[o] = P::along_columns(operand(o, work, own, begin, 0, step), rows, size.padded, own.columns[o]);
        if (!TABLE && of.inputs())
            from_x = P::along_columns(x + begin * inputs, rows, size.input_padded, own.input_columns);
        auto groups = [&](int64_t j, auto count) {
            constexpr int GROUPS = decltype(count)::value;
            const float *d_sums = d_columns<C>(tile, rows, j, 0, work, own);
            const int64_t d_panel = GROUPS == 1 ? LANES : d_columns<C>(tile, rows, j + 1, 1, work, own) - d_sums;
            for_each<Cell::runs>([&](auto run) GATELAB_ALWAYS {
                constexpr Run R = Cell::run[decltype(run)::value];
                if constexpr (R.chunk == C)
                    add_product<R.first, R.count, GROUPS>({from[R.operand], 1, size.padded, P::slots(rows)}, size.hidden,
                                                          {d_sums, of.width * LANES, d_panel},
                                                          g.recurrent[decltype(run)::value], j);
            });
            if constexpr (!TABLE && of.inputs())
                add_product<of.input_first, of.inputs(), GROUPS>({from_x, 1, size.input_padded, P::slots(rows)}, size.inputs,
                                                                 {d_sums, of.width * LANES, d_panel}, g.input[C], j);
        };
        int64_t j = 0;
        if constexpr (of.width == 1)
            for (; j + 2 <= size.groups; j += 2) groups(j, std::integral_constant<int, 2>{});
        for (; j < size.groups; j++) groups(j, std::integral_constant<int, 1>{});
        if constexpr (!TABLE && of.inputs())
            multiply<P, !Of::begins_input(C)>(rows, d_sums_of<C>(size, tile, work, own, 0, of.input_first, of.inputs()),
                                              w.input[C], d_x + begin * inputs, size.input_padded);
    }

    // Add to the gradient of some sums' matrices, of `depth` rows each.
    template <int FIRST, int COUNT, int GROUPS>
    GATELAB_INLINE static void add_product(const Left &from, int64_t depth, Right d_sums, float *g, int64_t j) {
        const Right to = panel<COUNT, GROUPS>(g, depth, j);
        d_sums.data += FIRST * LANES;
        multiply_panel<P, COUNT * GROUPS, true>(depth, from, d_sums,
                                                {const_cast<float *>(to.data), to.k_stride, to.vector_stride});
    }

    // The gradients of a group's sums in the chunk's first rows, as a right operand; in place `at` of those in use.
    template <int C>
    GATELAB_INLINE static const float *d_columns(const Tile &tile, int64_t rows, int64_t j, int at, const LayerWork &work,
                                                 const Work &own) {
        constexpr int WIDTH = Cell::chunk[C].width;
        return P::along_columns(d_sums_at<C>(tile, work, own, 0, j), rows, WIDTH * LANES,
                                own.d_columns + at * P::room(rows) * WIDTH * LANES);
    }
};

}  // namespace gatelab
