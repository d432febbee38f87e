// Random models and what they read.
#pragma once

#include <memory>
#include <random>
#include <vector>

#include "reference.hpp"

struct Sizes {
    int cell, layers, hidden, vocabulary, embedding;
};

struct Tensor {
    int64_t at, length;
};

using Random = std::mt19937_64;

// A model's shape, its tensors one after the other. The matrices of a layer's gates lie side by side, as the reference
// reads them: letters are their blocks of columns, in rows that are far apart.
struct Model {
    reference::Shape shape{};
    std::vector<Tensor> tensors;

    explicit Model(const Sizes &s) {
        shape.cell = s.cell, shape.code = gatelab_known(s.cell, GATELAB_FP32);
        shape.layers = s.layers, shape.hidden = s.hidden;
        shape.vocabulary = s.vocabulary, shape.embedding = s.embedding;
        const int64_t hidden = s.hidden, blocks = reference::blocks_of(s.cell);
        const bool lstm = s.cell == LSTM;
        shape.embedding_at = s.embedding ? take(s.vocabulary * s.embedding) : -1;
        for (int l = 0; l < s.layers; l++) {
            reference::Places &at = shape.at[l];
            at.input = take((l ? hidden : s.embedding ? s.embedding : s.vocabulary) * blocks * hidden);
            at.bias = take(blocks * hidden);
            at.gates = lstm || blocks > 1 ? take(hidden * (lstm ? 4 : blocks - 1) * hidden) : -1;
            at.candidate = lstm ? -1 : take(hidden * hidden);
            at.candidate_bias = reference::resets_after(s.cell) ? take(hidden) : -1;
            put_letters(at, shape.layer[l].letter);
        }
        shape.head_at = take(hidden * s.vocabulary);
        shape.head_bias_at = take(s.vocabulary);
    }

  private:
    int64_t take(int64_t length) {
        tensors.push_back({shape.parameters, length});
        shape.parameters += length;
        return tensors.back().at;
    }

    // In the order in which the equations first use them: W, U and b of the gates, then of the candidate.
    void put_letters(const reference::Places &at, GatelabPlace *letter) const {
        static constexpr int of_lstm[] = {0, 1, 3, 2};  // the candidate's block is the third, its equation the last
        const bool lstm = shape.cell == LSTM;
        const int64_t hidden = shape.hidden, blocks = reference::blocks_of(shape.cell), gates = lstm ? 4 : blocks - 1;
        for (int64_t n = 0; n < blocks; n++) {
            const int64_t block = lstm ? of_lstm[n] : n;
            const GatelabPlace input{at.input + block * hidden, blocks * hidden}, bias{at.bias + block * hidden, 1};
            const bool of_gates = block < gates;
            const GatelabPlace recurrent{of_gates ? at.gates + block * hidden : at.candidate, (of_gates ? gates : 1) * hidden};
            *letter++ = input;
            if (!of_gates && at.candidate_bias >= 0) {
                *letter++ = bias, *letter++ = recurrent, *letter++ = {at.candidate_bias, 1};
            } else {
                *letter++ = recurrent, *letter++ = bias;
            }
        }
    }
};

// How a member reads.
struct Reading {
    int rows, steps;
    bool ragged = false, state = false, dropout = false;
};

// A member with all its arrays. Each has exactly the size that the interface asks for, so that a sanitizer sees a step
// beyond it.
class Case {
  public:
    Case(const Model &model, const Reading &how, Random &random)
        : ids_(how.rows + how.steps), starts_(how.rows), ends_(how.rows), parameters_(model.shape.parameters),
          gradient_(parameters_.size(), NOT_YET), outputs_(static_cast<size_t>(how.rows) * how.steps * model.shape.hidden) {
        const size_t state = static_cast<size_t>(model.shape.layers) * reference::states_of(model.shape.cell) * how.rows *
                             model.shape.hidden;
        std::uniform_int_distribution<int64_t> token(0, model.shape.vocabulary - 1), length(1, how.steps);
        for (auto &id : ids_) id = token(random);
        for (int row = 0; row < how.rows; row++) {
            starts_[row] = row;
            // The first row is as long as all steps, whatever the others are.
            ends_[row] = row + (how.ragged && row ? length(random) : how.steps);
        }
        fill(parameters_, random, 1.2 / std::sqrt(model.shape.hidden + 1.0));
        state_out_.resize(state);
        if (how.state) fill(state_in_, random, 0.7, state);
        if (how.dropout) fill(dropout_, random, 1.0, static_cast<size_t>(model.shape.layers) * outputs_.size());
        for (float &factor : dropout_) factor = factor > 0 ? 1.5f : 0.0f;
        member_.rows = how.rows, member_.steps = how.steps;
    }

    static constexpr float NOT_YET = 1e30f;  // what no result is

    // The member, whose results lie in this case.
    GatelabMember member(bool differentiate = true) {
        GatelabMember m = member_;
        m.ids = ids_.data(), m.length = static_cast<int64_t>(ids_.size());
        m.starts = starts_.data(), m.ends = ends_.data();
        m.parameters = parameters_.data();
        m.gradient = differentiate ? gradient_.data() : nullptr;
        m.state_in = state_in_.empty() ? nullptr : state_in_.data();
        m.state_out = state_out_.data();
        m.dropout = dropout_.empty() ? nullptr : dropout_.data();
        m.outputs = outputs_.data();
        return m;
    }

    reference::Numbers parameters() const { return {parameters_.begin(), parameters_.end()}; }
    const std::vector<float> &gradient() const { return gradient_; }
    const std::vector<float> &state() const { return state_out_; }
    const std::vector<float> &outputs() const { return outputs_; }

    // All that was computed, in one piece.
    std::vector<float> results() const {
        std::vector<float> all(gradient_);
        all.insert(all.end(), state_out_.begin(), state_out_.end());
        all.insert(all.end(), outputs_.begin(), outputs_.end());
        return all;
    }

  private:
    static void fill(std::vector<float> &values, Random &random, double sigma, size_t count = 0) {
        std::normal_distribution<float> normal(0, static_cast<float>(sigma));
        if (count) values.resize(count);
        for (float &value : values) value = normal(random);
    }

    GatelabMember member_{};
    std::vector<int64_t> ids_, starts_, ends_;
    std::vector<float> parameters_, gradient_, state_in_, state_out_, dropout_, outputs_;
};
