// Where the weights of one layer of a cell of equations lie, and what it computes and remembers of a tile.
#pragma once

#include <algorithm>

#include "../layout.hpp"
#include "../memory.hpp"
#include "description.hpp"

namespace gatelab {

// P: the precision of its products but those of a table, which are few and single.
template <class Cell, bool TABLE, class P>
struct WrittenLayout {
    using Of = Facts<Cell>;
    // C++ has no arrays without elements.
    static constexpr int RUNS = Cell::runs ? Cell::runs : 1, OPERANDS = Cell::operands ? Cell::operands : 1;
    static constexpr int COMPUTED = Cell::computed ? Cell::computed : 1;

    // The weights as the products read them, or their gradients in the same places.
    struct Weights {
        float *input[Cell::chunks];  // [group][k][sum with input][lane]; a table: [token][group][sum][lane], with bias
        float *bias[Cell::chunks];   // [group][sum][lane]
        float *recurrent[RUNS];      // [group][k][sum][lane]
        float *vectors;              // [vector][padded]
        float *mask;                 // [padded]: all bits of the units that there are
    };

    // The weights transposed, for the way back: their rows are [group][sum][lane].
    struct Transposed {
        Packed input[Cell::chunks], recurrent[RUNS];
        float *vectors, *mask;  // as above
    };

    // Rows and steps: [step][row].
    struct Work {
        float *kept;                                         // [step][row][group][what][lane]
        float *operand[COMPUTED];                            // [row][padded]; training: [step of the chunk][row][padded]
        float *left[OPERANDS], *left_input;                  // [row][padded] in slots: a step's left operands
        float *d_sums[Cell::chunks], *d_left[Cell::chunks];  // [group][row of the chunk][sum][lane]; in slots
        float *d_state[2][Cell::states];                     // [row][padded], after the step and before it in turns
        float *d_operand[OPERANDS];                          // [row][padded]
        float *crossing;                                     // [row][group][what][lane]
        float *mean_of, *mean;                               // [row][mean][padded], [row][mean]: of one way at a time
        float *columns[OPERANDS], *input_columns;            // [row of the chunk in slots][padded]: left operands
        float *d_columns;                                    // [row of the chunk in slots][sum][lane]: right ones
    };

    static LayerWeights lay_out(const LayerSize &size, Arena &arena) {
        Arena measure;
        lay_out_weights(size, measure);
        LayerWeights w{};
        w.own = arena.take(measure.used());
        return w;
    }

    static LayerTransposed lay_out_transposed(const LayerSize &size, Arena &arena) {
        Arena measure;
        lay_out_transposed_weights(size, measure);
        LayerTransposed t{};
        t.own = arena.take(measure.used());
        return t;
    }

    static LayerWork lay_out_work(const LayerSize &size, int64_t rows, int64_t steps, bool train, Arena &arena) {
        LayerWork work{};
        for (int s = 0; s < Cell::states; s++) work.state[s] = arena.take((steps + 1) * rows * size.padded);
        const int64_t chunk_rows = size.padded <= 256 ? 256 : 128;
        work.chunk = train ? std::min(steps, std::max<int64_t>(1, chunk_rows / rows)) : 1;
        work.rows = rows, work.steps = train ? steps : 1, work.train = train;
        Arena measure;
        lay_out_own(size, work, measure);
        work.own = arena.take(measure.used());
        return work;
    }

    static Weights of(const LayerSize &size, const LayerWeights &w) {
        Arena arena(w.own, false);
        return lay_out_weights(size, arena);
    }

    static Transposed of(const LayerSize &size, const LayerTransposed &t) {
        Arena arena(t.own, false);
        return lay_out_transposed_weights(size, arena);
    }

    static Work of(const LayerSize &size, const LayerWork &work) {
        Arena arena(work.own, false);
        return lay_out_own(size, work, arena);
    }

  private:
    static Weights lay_out_weights(const LayerSize &size, Arena &arena) {
        Weights w{};
        for (int c = 0; c < Cell::chunks; c++) {
            w.input[c] = arena.take(size.inputs * size.padded * Cell::chunk[c].inputs());
            w.bias[c] = arena.take(size.padded * Cell::chunk[c].width);
        }
        for (int r = 0; r < Cell::runs; r++) w.recurrent[r] = arena.take(size.hidden * size.padded * Cell::run[r].count);
        w.vectors = arena.take(size.padded * Cell::vectors);
        w.mask = arena.take(Cell::masked ? size.padded : 0);
        return w;
    }

    static Transposed lay_out_transposed_weights(const LayerSize &size, Arena &arena) {
        Transposed t{};
        for (int c = 0; c < Cell::chunks; c++)
            if (!TABLE) t.input[c] = transposed(size.padded * Cell::chunk[c].inputs(), vectors(size.inputs), arena);
        for (int r = 0; r < Cell::runs; r++)
            t.recurrent[r] = transposed(size.padded * Cell::run[r].count, size.groups, arena);
        t.vectors = arena.take(size.padded * Cell::vectors);
        t.mask = arena.take(Cell::masked ? size.padded : 0);
        return t;
    }

    static Packed transposed(int64_t depth, int64_t vectors, Arena &arena) {
        return {arena.take(Packed::size(depth, vectors)), depth, vectors};
    }

    static Work lay_out_own(const LayerSize &size, const LayerWork &of, Arena &arena) {
        Work work{};
        const int64_t rows = of.rows, step = rows * size.padded, chunk = of.chunk * rows;
        work.kept = arena.take(of.steps * step * Cell::kept);
        for (int o = 0; o < Cell::computed; o++) work.operand[o] = arena.take(of.chunk * step);
        const int means = of.train ? std::max(Cell::means, Cell::back_means) : Cell::means;
        work.mean_of = arena.take(means * step), work.mean = arena.take(means * rows);
        for (int o = 0; o < Cell::operands; o++) work.left[o] = arena.take(P::room(step));
        if (!TABLE) work.left_input = arena.take(P::room(rows * size.input_padded));
        if (!of.train) return work;
        for (int c = 0; c < Cell::chunks; c++) {
            const int64_t numbers = chunk * size.padded * Cell::chunk[c].width;
            work.d_sums[c] = arena.take(numbers);
            work.d_left[c] = P::room(numbers) ? arena.take(P::room(numbers)) : work.d_sums[c];
        }
        for (int i = 0; i < 2; i++)
            for (int s = 0; s < Cell::states; s++) work.d_state[i][s] = arena.take(step);
        for (int o = 0; o < Cell::operands; o++)
            if (Cell::operand[o].kind != Operand::BEFORE) work.d_operand[o] = arena.take(step);
        work.crossing = arena.take(step * Cell::crossings);
        for (int o = 0; o < Cell::operands; o++) work.columns[o] = arena.take(P::room(chunk) * size.padded);
        if (!TABLE) work.input_columns = arena.take(P::room(chunk) * size.input_padded);
        // Of one group, or of two where there is but one sum a unit.
        work.d_columns = arena.take(P::room(chunk) * WIDEST * LANES);
        return work;
    }
};

}  // namespace gatelab
