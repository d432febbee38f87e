// Where the weights of one layer of any cell lie, and what it computes and remembers of a tile.
#pragma once

#include <algorithm>

#include "cells/cell.hpp"
#include "layout.hpp"
#include "memory.hpp"

namespace gatelab {

// P: the precision of its products but those of a table, which are few and single.
template <class Cell, bool TABLE, class P>
struct LayerLayout {
    using First = typename Cell::First;
    using Second = typename Cell::Second;
    static constexpr bool TWO = Cell::stages == 2;
    static constexpr int KEPT = Cell::kept ? Cell::kept : 1;
    static constexpr bool HAS_CANDIDATE_BIAS = First::input_first == 1;

    static LayerWeights lay_out(const LayerSize &size, Arena &arena) {
        LayerWeights w{};
        lay_out_stage<First>(size, arena, w, 0);
        if (TWO) lay_out_stage<Second>(size, arena, w, 1);
        if (HAS_CANDIDATE_BIAS) w.candidate_bias = arena.take(size.padded);
        return w;
    }

    static LayerTransposed lay_out_transposed(const LayerSize &size, Arena &arena) {
        LayerTransposed t{};
        lay_out_transposed_stage<First>(size, arena, t, 0);
        if (TWO) lay_out_transposed_stage<Second>(size, arena, t, 1);
        return t;
    }

    static LayerWork lay_out_work(const LayerSize &size, int64_t rows, int64_t steps, bool train, Arena &arena) {
        LayerWork work{};
        for (int s = 0; s < Cell::states; s++) work.state[s] = arena.take((steps + 1) * rows * size.padded);
        int64_t chunk_rows = size.padded <= 256 ? 256 : 128;
        work.chunk = train ? std::min(steps, std::max<int64_t>(1, chunk_rows / rows)) : 1;
        work.kept = arena.take((train ? steps : 1) * rows * size.padded * KEPT);
        if (TWO) work.operand = arena.take(work.chunk * rows * size.padded);
        work.left = arena.take(P::room(rows * size.padded));
        if (!TABLE) work.left_input = arena.take(P::room(rows * size.input_padded));
        if (!train) return work;
        lay_out_d_sums<First>(size, rows, arena, work, 0);
        if (TWO) lay_out_d_sums<Second>(size, rows, arena, work, 1);
        work.columns = arena.take(P::room(work.chunk * rows) * size.padded);
        if (!TABLE) work.input_columns = arena.take(P::room(work.chunk * rows) * size.input_padded);
        // Of one group, or of two where there is but one sum a unit.
        work.d_columns = arena.take(P::room(work.chunk * rows) * std::max(2, First::width) * LANES);
        for (int s = 0; s < Cell::states; s++) work.d_state[s] = arena.take(rows * size.padded);
        if (TWO) work.d_operand = arena.take(rows * size.padded);
        return work;
    }

  private:
    template <class S>
    static void lay_out_stage(const LayerSize &size, Arena &arena, LayerWeights &w, int s) {
        w.recurrent[s] = arena.take(size.hidden * size.padded * S::recurrent);
        w.input[s] = arena.take(size.inputs * size.padded * S::input);
        if (!TABLE) w.bias[s] = arena.take(size.padded * S::input);
    }

    template <class S>
    static void lay_out_transposed_stage(const LayerSize &size, Arena &arena, LayerTransposed &t, int s) {
        const int64_t sums = size.padded * S::recurrent, inputs = size.padded * S::input;
        t.recurrent[s] = {arena.take(Packed::size(sums, size.groups)), sums, size.groups};
        if (!TABLE) t.input[s] = {arena.take(Packed::size(inputs, vectors(size.inputs))), inputs, vectors(size.inputs)};
    }

    template <class S>
    static void lay_out_d_sums(const LayerSize &size, int64_t rows, Arena &arena, LayerWork &work, int s) {
        const int64_t numbers = work.chunk * rows * size.padded * S::width;
        work.d_sums[s] = arena.take(numbers);
        work.d_left[s] = P::room(numbers) ? arena.take(P::room(numbers)) : work.d_sums[s];
    }
};

}  // namespace gatelab
