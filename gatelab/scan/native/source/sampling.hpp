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

    // `logits`: (columns), spoiled. `uniform`: in [0, 1).
    int64_t choose(const GatelabStream &how, double uniform, float *logits) {
        if (how.seen && how.penalty != 1) penalize(how, logits);
        if (how.bias)
            for (int64_t v = 0; v < vocabulary_; v++) logits[v] += how.bias[v];
        const int64_t likeliest = std::max_element(logits + forbidden_, logits + vocabulary_) - logits;
        if (how.temperature == 0) return likeliest;
        weigh(logits, logits[likeliest], how.temperature);
        if (how.top_k || how.top_p < 1 || how.min_p > 0) filter(how, logits);
        return look_up(uniform, logits, likeliest);
    }

  private:
    void penalize(const GatelabStream &how, float *logits) const {
        const float penalty = static_cast<float>(how.penalty);
        for (int64_t v = 0; v < vocabulary_; v++)
            if (how.seen[v]) logits[v] = logits[v] > 0 ? logits[v] / penalty : logits[v] * penalty;
    }

    // Logits become e^((logit - most) / temperature), and 0 where nothing may be chosen.
    void weigh(float *logits, float most, double temperature) const {
        const float rate = static_cast<float>(std::min(1 / temperature, 1e30));
        for (int64_t v = 0; v < columns_; v += LANES) store(logits + v, exp((load(logits + v) - most) * rate));
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

    int64_t look_up(double uniform, const float *weights, int64_t likeliest) const {
        double total = 0;
        for (int64_t v = forbidden_; v < vocabulary_; v++) total += weights[v];
        const double wanted = uniform * total;
        double cumulative = 0;
        int64_t last = likeliest;
        for (int64_t v = forbidden_; v < vocabulary_; v++) {
            if (weights[v] == 0) continue;
            cumulative += weights[v], last = v;
            if (cumulative > wanted) break;
        }
        return last;
    }

    const int64_t forbidden_, vocabulary_, columns_;
    std::vector<int64_t> order_;
};

}  // namespace gatelab
