// The model a second time, in double precision: one number after the other, from the equations in gatelab/cells.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "engine.h"

// The cells of the library, in the order of `gatelab.equations.families.classic`.
enum Cell {
    RNN_TANH,
    RNN_RELU,
    GRU_RESET_BEFORE,
    GRU_RESET_AFTER,
    GRU_UPDATE,
    GRU_RESET_UPDATE_BEFORE,
    GRU_RESET_UPDATE_AFTER,
    LSTM,
    CELLS /* how many there are */
};

namespace reference {

using Numbers = std::vector<double>;

// Where the packed tensors of a layer begin, row-major; -1: it has none.
struct Places {
    int64_t input;           // (inputs, blocks * hidden)
    int64_t bias;            // (blocks * hidden)
    int64_t gates;           // (hidden, gates * hidden)
    int64_t candidate;       // (hidden, hidden)
    int64_t candidate_bias;  // (hidden)
};

struct Shape : GatelabShape {
    int cell;
    Places at[GATELAB_MAX_LAYERS];
};

// How many blocks of columns the input's matrix of a cell has, and how many tensors its state.
inline int blocks_of(int cell) {
    static const int blocks[CELLS] = {1, 1, 2, 2, 2, 3, 3, 4};
    return blocks[cell];
}
inline int states_of(int cell) { return cell == LSTM ? 2 : 1; }
inline bool resets_after(int cell) { return cell == GRU_RESET_AFTER || cell == GRU_RESET_UPDATE_AFTER; }
inline bool has_reset(int cell) {
    return cell == GRU_RESET_BEFORE || cell == GRU_RESET_UPDATE_BEFORE || resets_after(cell);
}
inline bool has_update(int cell) {
    return cell == GRU_UPDATE || cell == GRU_RESET_UPDATE_BEFORE || cell == GRU_RESET_UPDATE_AFTER;
}

// A matrix in flat parameters.
struct Matrix {
    const double *data;
    int64_t columns;
    double at(int64_t row, int64_t column) const { return data[row * columns + column]; }
};

inline double dot(const Numbers &x, const Matrix &w, int64_t column) {
    double sum = 0;
    for (size_t k = 0; k < x.size(); k++) sum += x[k] * w.at(static_cast<int64_t>(k), column);
    return sum;
}

inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// The tensors of a layer.
struct Layer {
    int cell;
    int64_t hidden;
    Matrix input, gates, candidate;
    const double *bias, *candidate_bias;

    Layer(const Shape &shape, int layer, const double *p)
        : cell(shape.cell), hidden(shape.hidden), input{p + shape.at[layer].input, blocks_of(cell) * hidden},
          gates{p + shape.at[layer].gates, (cell == LSTM ? 4 : blocks_of(cell) - 1) * hidden},
          candidate{p + shape.at[layer].candidate, hidden}, bias(p + shape.at[layer].bias),
          candidate_bias(p + shape.at[layer].candidate_bias) {}

    // x W + b, all blocks.
    Numbers project(const Numbers &x) const {
        Numbers u(static_cast<size_t>(input.columns));
        for (int64_t c = 0; c < input.columns; c++) u[c] = dot(x, input, c) + bias[c];
        return u;
    }

    // The state after a step. `state` has a tensor after the other, each of `hidden` numbers.
    Numbers update(const Numbers &u, const Numbers &state) const {
        const Numbers h(state.begin(), state.begin() + hidden);
        Numbers after(state.size());
        for (int64_t i = 0; i < hidden; i++) {
            if (cell == LSTM)
                lstm(u, h, state[hidden + i], i, after);
            else
                after[i] = blocks_of(cell) == 1 ? rnn(u, h, i) : gru(u, h, i);
        }
        return after;
    }

  private:
    double rnn(const Numbers &u, const Numbers &h, int64_t i) const {
        const double sum = u[i] + dot(h, candidate, i);
        return cell == RNN_TANH ? std::tanh(sum) : std::fmax(sum, 0);
    }

    // The activation of gate `block` of unit i.
    double gate(const Numbers &u, const Numbers &h, int block, int64_t i) const {
        const int64_t column = block * hidden + i;
        return sigmoid(u[column] + dot(h, gates, column));
    }

    // The blocks are reset, update, candidate, those that there are.
    double gru(const Numbers &u, const Numbers &h, int64_t i) const {
        const int64_t c = (blocks_of(cell) - 1) * hidden + i;
        double sum;
        if (resets_after(cell)) {
            sum = u[c] + gate(u, h, 0, i) * (dot(h, candidate, i) + candidate_bias[i]);
        } else if (has_reset(cell)) {
            Numbers operand(h);
            for (int64_t k = 0; k < hidden; k++) operand[k] *= gate(u, h, 0, k);
            sum = u[c] + dot(operand, candidate, i);
        } else {
            sum = u[c] + dot(h, candidate, i);
        }
        if (!has_update(cell)) return std::tanh(sum);
        const double z = gate(u, h, has_reset(cell) ? 1 : 0, i);
        return z * h[i] + (1 - z) * std::tanh(sum);
    }

    // The blocks are i, f, g, o.
    void lstm(const Numbers &u, const Numbers &h, double c, int64_t i, Numbers &after) const {
        const int64_t g = 2 * hidden + i;
        const double candidate = std::tanh(u[g] + dot(h, gates, g));
        after[hidden + i] = gate(u, h, 1, i) * c + gate(u, h, 0, i) * candidate;
        after[i] = gate(u, h, 3, i) * std::tanh(after[hidden + i]);
    }
};

// What a member's reading gives.
struct Result {
    double loss = 0;         // the sum over the targets
    int64_t tokens = 0;      // how many targets
    Numbers state, outputs;  // as GatelabMember has them
};

inline double cross_entropy(const Shape &shape, const double *p, const Numbers &h, int64_t target) {
    const Matrix head{p + shape.head_at, shape.vocabulary};
    double total = 0, of_target = 0;
    for (int64_t v = 0; v < shape.vocabulary; v++) {
        const double logit = dot(h, head, v) + p[shape.head_bias_at + v];
        total += std::exp(logit);
        if (v == target) of_target = logit;
    }
    return std::log(total) - of_target;
}

// Read what the member reads, with the parameters `p` in the place of its own.
inline Result read(const Shape &shape, const GatelabMember &m, const Numbers &p) {
    const int64_t hidden = shape.hidden, width = states_of(shape.cell) * hidden;
    std::vector<Layer> layers;
    for (int l = 0; l < shape.layers; l++) layers.emplace_back(shape, l, p.data());
    Result result;
    result.state.resize(shape.layers * m.rows * width);
    result.outputs.resize(static_cast<int64_t>(m.steps) * m.rows * hidden);
    // In the member's arrays, a state's tensors are (layers, tensors, rows, hidden).
    auto place = [&](int l, int64_t k, int64_t row) {
        return ((l * states_of(shape.cell) + k / hidden) * m.rows + row) * hidden + k % hidden;
    };
    for (int64_t row = 0; row < m.rows; row++) {
        std::vector<Numbers> states(shape.layers, Numbers(width));
        for (int l = 0; m.state_in && l < shape.layers; l++)
            for (int64_t k = 0; k < width; k++) states[l][k] = m.state_in[place(l, k, row)];
        for (int64_t t = 0; t < m.steps; t++) {
            const int64_t at = m.starts[row] + t, end = m.ends[row], token = m.ids[at < end ? at : end - 1];
            Numbers x(shape.embedding ? shape.embedding : shape.vocabulary);
            for (size_t k = 0; k < x.size(); k++)
                x[k] = shape.embedding ? p[shape.embedding_at + token * shape.embedding + k] : k == static_cast<size_t>(token);
            for (int l = 0; l < shape.layers; l++) {
                states[l] = layers[l].update(layers[l].project(x), states[l]);
                x.assign(states[l].begin(), states[l].begin() + hidden);
                for (int64_t k = 0; m.dropout && k < hidden; k++)
                    x[k] *= m.dropout[((static_cast<int64_t>(l) * m.steps + t) * m.rows + row) * hidden + k];
            }
            for (int64_t k = 0; k < hidden; k++) result.outputs[(t * m.rows + row) * hidden + k] = x[k];
            if (at < end) result.loss += cross_entropy(shape, p.data(), x, m.ids[at + 1]), result.tokens++;
        }
        for (int l = 0; l < shape.layers; l++)
            for (int64_t k = 0; k < width; k++) result.state[place(l, k, row)] = states[l][k];
    }
    return result;
}

}  // namespace reference
