// What the operations of a cell see of the scan: one group of units of one row at one step.
#pragma once

#include "layout.hpp"

namespace gatelab {

// A step of the way forward, for all rows. Of a team each thread has its own.
template <class Cell>
struct ForwardStep {
    int64_t groups, padded;
    const float *before[Cell::states];
    float *after[Cell::states];
    float *operand[Cell::computed ? Cell::computed : 1];
    float *kept;
    float *mean_of, *mean;
    const float *vectors, *mask;
};

// The same on the way back, with the gradients.
template <class Cell>
struct BackwardStep : ForwardStep<Cell> {
    int64_t rows, chunk, local;  // rows of the tile; steps of a chunk, and which of them it is
    const float *d_out;
    float *d_after[Cell::states], *d_before[Cell::states];
    float *d_operand[Cell::operands ? Cell::operands : 1];
    float *crossing;
    float *d_sums[Cell::chunks];
    // What gradients are added to at once: tables or biases, and vectors.
    float *g_input[Cell::chunks], *g_bias[Cell::chunks], *g_vectors;
    const int32_t *tokens;  // of the rows
};

template <class Cell, class Step>
struct Place {
    const Step &step;
    int64_t row, j;

    GATELAB_INLINE Place(const Step &step, int64_t row, int64_t j) : step(step), row(row), j(j) {}

    GATELAB_INLINE int64_t at() const { return row * step.padded + j * LANES; }
    // Place `number` of so many numbers of a unit.
    GATELAB_INLINE int64_t at(int number, int of) const { return ((row * step.groups + j) * of + number) * LANES; }

    GATELAB_INLINE Vector before(int state) const { return load(step.before[state] + at()); }
    GATELAB_INLINE Vector after(int state) const { return load(step.after[state] + at()); }
    GATELAB_INLINE Vector vector(int number) const { return load(step.vectors + number * step.padded + j * LANES); }
    GATELAB_INLINE Vector kept(int number) const { return load(step.kept + at(number, Cell::kept)); }
    GATELAB_INLINE void set_operand(int number, Vector x) const { store(step.operand[number] + at(), masked(x)); }

    // What units store for a mean, of so many, and the mean: one number of a row, which is there from the next phase on.
    GATELAB_INLINE void set_mean_of(int number, int of, Vector x) const {
        store(step.mean_of + (row * of + number) * step.padded + j * LANES, masked(x));
    }
    GATELAB_INLINE Vector mean_of(int number, int of) const { return broadcast(step.mean[row * of + number]); }

    // Units that are only there to fill a vector must stay at 0: what they compute may be no number, and 0 times that
    // would be none either.
    GATELAB_INLINE Vector masked(Vector x) const {
        return Cell::masked ? (Vector)((Integers)x & (Integers)load(step.mask + j * LANES)) : x;
    }
};

template <class Cell, bool TRAIN>
struct ForwardUnit : Place<Cell, ForwardStep<Cell>> {
    using Place<Cell, ForwardStep<Cell>>::Place;

    GATELAB_INLINE void set_after(int state, Vector x) const { store(this->step.after[state] + this->at(), this->masked(x)); }

    GATELAB_INLINE void set_mean(int number, Vector x) const { this->set_mean_of(number, Cell::means, x); }
    GATELAB_INLINE Vector mean(int number) const { return this->mean_of(number, Cell::means); }

    // For the way back, or for a later phase.
    GATELAB_INLINE void keep(int number, Vector x) const {
        if (TRAIN || number < Cell::carried) store(this->step.kept + this->at(number, Cell::kept), x);
    }
};

template <class Cell, bool TABLE>
struct BackwardUnit : Place<Cell, BackwardStep<Cell>> {
    using Place<Cell, BackwardStep<Cell>>::Place;

    GATELAB_INLINE Vector d_after(int state) const {
        const Vector d = load(this->step.d_after[state] + this->at());
        return state == 0 ? d + load(this->step.d_out + this->at()) : d;
    }
    GATELAB_INLINE Vector d_operand(int operand) const { return load(this->step.d_operand[operand] + this->at()); }
    GATELAB_INLINE Vector crossing(int number) const { return load(this->step.crossing + this->at(number, Cell::crossings)); }

    GATELAB_INLINE void set_d_mean(int number, Vector x) const { this->set_mean_of(number, Cell::back_means, x); }
    GATELAB_INLINE Vector d_mean(int number) const { return this->mean_of(number, Cell::back_means); }

    GATELAB_INLINE void cross(int number, Vector x) const {
        store(this->step.crossing + this->at(number, Cell::crossings), x);
    }
    GATELAB_INLINE void set_d_before(int state, Vector d) const {
        store(this->step.d_before[state] + this->at(), this->masked(d));
    }
    GATELAB_INLINE void add_d_before(int state, Vector d) const {
        add_to(this->step.d_before[state] + this->at(), this->masked(d));
    }
    GATELAB_INLINE void add_d_vector(int number, Vector d) const {
        add_to(this->step.g_vectors + number * this->step.padded + this->j * LANES, d);
    }

    // Keep the gradient of a sum, and add it to what is summed up at once.
    GATELAB_INLINE void set_d_sum(int chunk, int sum, Vector d) const {
        const auto &step = this->step;
        const Chunk of = Cell::chunk[chunk];
        d = this->masked(d);
        store(step.d_sums[chunk] +
                  (((this->j * step.chunk + step.local) * step.rows + this->row) * of.width + sum) * LANES, d);
        if (TABLE && sum >= of.input_first) {
            const int64_t unit = step.tokens[this->row] * step.groups + this->j;
            add_to(step.g_input[chunk] + (unit * of.inputs() + sum - of.input_first) * LANES, d);
        } else if (Cell::bias[chunk][sum] >= 0) {
            add_to(step.g_bias[chunk] + (this->j * of.width + sum) * LANES, d);
        }
    }
};

}  // namespace gatelab
