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

// The weights of a layer as the products read them, or their gradients in the same places. By stage:
struct LayerWeights {
    float *recurrent[2];    // [group][k][sum][lane]
    float *input[2];        // [group][k][sum][lane]; a table: [token][group][sum][lane], bias included
    float *bias[2];         // [group][sum][lane]; not with a table
    float *candidate_bias;  // [group][lane], of the sum that takes no part in the input's product
    float *own;             // of a cell of equations: all that it has
};

// The weights transposed, for the way back: their rows are [group][sum][lane].
struct LayerTransposed {
    Packed recurrent[2], input[2];
    float *own;
};

// What a layer computes and remembers of a tile. Rows and steps: [step][row].
struct LayerWork {
    float *state[GATELAB_MAX_STATES];  // [step + 1][row][padded]: before each step
    float *kept;            // [step][row][group][what][lane]
    float *operand;         // [row][padded], of the second stage; on the way back [step of the chunk][row][padded]
    float *d_sums[2];       // [group][row of the chunk][sum][lane]
    float *d_state[2];      // [row][padded]
    float *d_operand;       // [row][padded]
    float *left, *left_input;          // [row][padded] in slots: a step's left operands
    float *d_left[2];                  // d_sums in slots, as left operands
    float *columns, *input_columns;    // [row of the chunk in slots][padded]: left operands of the weights' gradients
    float *d_columns;                  // [row of the chunk in slots][sum][lane]: right operands of them
    int64_t chunk;          // steps after which gradients of weights are summed up
    float *own;             // of a cell of equations, laid out for so many rows and steps
    int64_t rows, steps;
    bool train;
};

}  // namespace gatelab
