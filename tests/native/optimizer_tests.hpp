// Optimizers, against themselves in double precision.
#pragma once

#include "checking.hpp"

namespace {

// One number's step in double precision, as torch.optim writes it.
struct Optimized {
    double p, first = 0, second = 0;

    void step(const GatelabUpdate &u, double g) {
        const double t = u.step + 1.0;
        g *= u.clip_norm > 0 ? std::fmin(1, u.clip_norm / (std::sqrt(u.square_norm) + 1e-6)) : 1;
        if (u.kind == GATELAB_SGD) {
            g += u.weight_decay * p;
            first = u.step ? u.momentum * first + g : g;
            p -= u.lr * (u.momentum ? first : g);
            return;
        }
        if (u.kind == GATELAB_ADAMW) p *= 1 - u.lr * u.weight_decay;
        first = u.beta1 * first + (1 - u.beta1) * g;
        second = u.beta2 * second + (1 - u.beta2) * g * g;
        const double root = std::sqrt(second / (1 - std::pow(u.beta2, t))) + u.eps;
        p -= u.lr * first / (1 - std::pow(u.beta1, t)) / root;
    }
};

void test_optimizers(Random &random) {
    constexpr int LENGTH = 37;
    std::normal_distribution<float> normal;
    for (int kind : {GATELAB_SGD, GATELAB_ADAM, GATELAB_ADAMW})
        for (double momentum : {0.0, 0.9}) {
            where = "optimizer " + std::to_string(kind);
            std::vector<float> p(LENGTH), g(LENGTH), first(LENGTH), second(LENGTH);
            for (float &x : p) x = normal(random);
            std::vector<Optimized> expected;
            for (float x : p) expected.push_back({x});
            GatelabUpdate u{};
            u.kind = kind, u.lr = 0.05, u.momentum = momentum, u.weight_decay = kind == GATELAB_ADAM ? 0 : 0.1;
            u.beta1 = 0.9, u.beta2 = 0.99, u.eps = 1e-8, u.clip_norm = momentum ? 2.0 : 0.0;
            u.parameters = p.data(), u.gradient = g.data(), u.length = LENGTH;
            if (kind != GATELAB_SGD || momentum) u.first = first.data();
            if (kind != GATELAB_SGD) u.second = second.data();
            for (u.step = 0; u.step < 5; u.step++) {
                u.square_norm = 0;
                for (float &x : g) x = normal(random), u.square_norm += static_cast<double>(x) * x;
                check(gatelab_update(&u, 1) == 0, "refused");
                for (int i = 0; i < LENGTH; i++) {
                    expected[i].step(u, g[i]);
                    // A step of Adam has eight operations.
                    const double scale = std::fmax(1, std::fabs(expected[i].p));
                    check_close("parameter", p[i], expected[i].p, rounding(8 * (u.step + 1), scale));
                }
            }
        }
}

}  // namespace
