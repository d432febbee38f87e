// Sizes, and where weights, gradients and what is computed of a tile lie.
#pragma once

#include "engine.h"
#include "gemm.hpp"

namespace gatelab {

constexpr int64_t vectors(int64_t units) { return (units + LANES - 1) / LANES; }

// A layer's sizes. Units are padded with zeros to whole vectors: `groups` of them, `padded` units.
struct LayerSize {
    int64_t hidden, inputs;  // inputs: of the layer below; of a table, its rows (one for each token)
    bool table;
    int64_t groups, padded, input_padded;

    LayerSize(int64_t hidden, int64_t inputs, bool table)
        : hidden(hidden), inputs(inputs), table(table), groups(vectors(hidden)), padded(groups * LANES),
          input_padded(vectors(inputs) * LANES) {}
};

// Rows of a batch that are computed together.
struct Tile {
    int64_t rows, steps;
    const int32_t *tokens;   // (steps, rows)
    const int32_t *targets;  // (steps, rows); negative: none
};

// The weights of a layer as the products read them, or their gradients in the same places: what lies there is its cell's.
struct LayerWeights {
    float *own;
};

// The weights transposed, for the way back.
struct LayerTransposed {
    float *own;
};

// What a layer computes and remembers of a tile.
struct LayerWork {
    float *state[GATELAB_MAX_STATES];  // [step + 1][row][padded]: before each step
    int64_t chunk;                     // steps after which gradients of weights are summed up
    float *own;                        // the cell's, laid out for so many rows and steps
    int64_t rows, steps;
    bool train;
};

}  // namespace gatelab
