// How the next token is chosen from the logits: gatelab/generation/sampling.py.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "engine.h"
#include "vector.hpp"

namespace gatelab {

class Sampler {
  public:
    // `forbidden`: ids from 0 on that are never chosen. `columns`: the vocabulary in whole vectors.
    Sampler(int64_t forbidden, int64_t vocabulary, int64_t columns)
        : forbidden_(forbidden), vocabulary_(vocabulary), columns_(columns) {}

    // `logits`: (columns), spoiled; behind the vocabulary so small that they never win. `uniform`: in [0, 1).
    int64_t choose(const GatelabStream &how, double uniform, float *logits) {
        if (how.seen && how.penalty != 1) penalize(how, logits);
        if (how.bias)
            for (int64_t v = 0; v < vocabulary_; v++) logits[v] += how.bias[v];
        for (int64_t v = 0; v < forbidden_; v++) logits[v] = NEVER;
        if (how.temperature == 0) return likeliest(logits);
        weigh(logits, how.temperature);
        if (how.top_k || how.top_p < 1 || how.min_p > 0) filter(how, logits);
        return look_up(uniform, logits);
    }

  private:
    static constexpr float NEVER = -1e30f;

    void penalize(const GatelabStream &how, float *logits) const {
        // Too small for a float, it would be 0; and what it makes of a logit stays a number.
        const float penalty = std::max(static_cast<float>(how.penalty), 1e-30f);
        for (int64_t v = 0; v < vocabulary_; v++)
            if (how.seen[v]) logits[v] = std::clamp(logits[v] > 0 ? logits[v] / penalty : logits[v] * penalty, NEVER, -NEVER);
    }

    float largest(const float *logits) const {
        Vector most = load(logits);
        for (int64_t v = LANES; v < columns_; v += LANES) most = larger(load(logits + v), most);
        return gatelab::largest(most);
    }

    // The first of equals.
    int64_t likeliest(const float *logits) const {
        const float most = largest(logits);
        // Otherwise all that may be chosen is no more than what may not be.
        if (most > NEVER) {
            for (int64_t from = 0; from < columns_; from += LANES)
                if (const int at = first_equal(load(logits + from), most); at < LANES) return from + at;
        }
        return std::max_element(logits + forbidden_, logits + vocabulary_) - logits;
    }

    // Logits become e^((logit - the largest) / temperature), and 0 where nothing may be chosen.
    void weigh(float *logits, double temperature) const {
        const float largest = this->largest(logits), rate = static_cast<float>(std::min(1 / temperature, 1e30));
        for (int64_t v = 0; v < columns_; v += LANES) store(logits + v, exp((load(logits + v) - largest) * rate));
        for (int64_t v = 0; v < forbidden_; v++) logits[v] = 0;
        for (int64_t v = vocabulary_; v < columns_; v++) logits[v] = 0;
    }

    void filter(const GatelabStream &how, float *weights) {
        order_.resize(vocabulary_);
        std::iota(order_.begin(), order_.end(), 0);
        std::sort(order_.begin(), order_.end(), [weights](int64_t a, int64_t b) {
            return weights[a] != weights[b] ? weights[a] > weights[b] : a < b;
        });
        const int64_t kept = how.top_k ? std::min(how.top_k, vocabulary_) : vocabulary_;
        double total = 0, before = 0;
        for (int64_t i = 0; i < kept; i++) total += weights[order_[i]];
        for (int64_t i = 0; i < vocabulary_; i++) {
            float &weight = weights[order_[i]];
            const float own = weight;
            // The likeliest has the weight 1.
            if (i >= kept || before >= how.top_p * total || own < how.min_p) weight = 0;
            before += own;
        }
    }

    // The first token up to which the weights reach the share `uniform` of all; by whole vectors first.
    int64_t look_up(double uniform, const float *weights) const {
        double total = 0;
        for (int64_t v = 0; v < columns_; v += LANES) total += sum(load(weights + v));
        double left = uniform * total;
        int64_t from = 0;
        for (double of_vector; from + LANES < columns_ && (of_vector = sum(load(weights + from))) <= left; from += LANES)
            left -= of_vector;
        for (int64_t v = from; v < vocabulary_; v++) {
            if (weights[v] == 0) continue;
            left -= weights[v];
            if (left < 0) return v;
        }
        // Rounding has left a little behind the last one.
        for (int64_t v = vocabulary_ - 1; v > forbidden_; v--)
            if (weights[v] != 0) return v;
        return forbidden_;
    }

    const int64_t forbidden_, vocabulary_, columns_;
    std::vector<int64_t> order_;
};

}  // namespace gatelab
