// Clipping by the norm and the optimizers, as torch.nn.utils.clip_grad_norm_ and torch.optim compute them.
#pragma once

#include <cmath>

#include "engine.h"

namespace gatelab {

struct Update {
    // What the gradient is multiplied with.
    static float clip(const GatelabUpdate &u) {
        if (u.clip_norm <= 0) return 1;
        const double factor = u.clip_norm / (std::sqrt(u.square_norm) + 1e-6);
        return factor >= 1 ? 1 : static_cast<float>(factor);  // NaN stays NaN, which fmin would make 1
    }

    static void sgd(const GatelabUpdate &u) {
        const float factor = clip(u), lr = static_cast<float>(u.lr), decay = static_cast<float>(u.weight_decay);
        // The first step's momentum is its gradient.
        const float momentum = u.step ? static_cast<float>(u.momentum) : 0, ahead = static_cast<float>(u.momentum);
        for (int64_t i = 0; i < u.length; i++) {
            float g = u.gradient[i] * factor + decay * u.parameters[i];
            if (u.first) {
                const float moved = u.first[i] = momentum * u.first[i] + g;
                g = u.nesterov ? g + ahead * moved : moved;
            }
            u.parameters[i] -= lr * g;
        }
    }

    static void rmsprop(const GatelabUpdate &u) {
        const float factor = clip(u), lr = static_cast<float>(u.lr), decay = static_cast<float>(u.weight_decay);
        const float keep = static_cast<float>(u.beta2), to_second = static_cast<float>(1 - u.beta2);
        const float momentum = static_cast<float>(u.momentum), eps = static_cast<float>(u.eps);
        for (int64_t i = 0; i < u.length; i++) {
            const float g = u.gradient[i] * factor + decay * u.parameters[i];
            const float v = u.second[i] = keep * u.second[i] + to_second * g * g;
            float moved = g / (std::sqrt(v) + eps);
            if (u.first) moved = u.first[i] = momentum * u.first[i] + moved;
            u.parameters[i] -= lr * moved;
        }
    }

    static void adam(const GatelabUpdate &u) {
        const double t = static_cast<double>(u.step + 1);
        const float factor = clip(u), b2 = static_cast<float>(u.beta2), eps = static_cast<float>(u.eps);
        const float to_first = static_cast<float>(1 - u.beta1), to_second = static_cast<float>(1 - u.beta2);
        const float rate = static_cast<float>(u.lr / (1 - std::pow(u.beta1, t)));
        const float root = static_cast<float>(std::sqrt(1 - std::pow(u.beta2, t)));
        const float keep = u.kind == GATELAB_ADAMW ? static_cast<float>(1 - u.lr * u.weight_decay) : 1.0f;
        for (int64_t i = 0; i < u.length; i++) {
            const float g = u.gradient[i] * factor;
            const float m = u.first[i] = u.first[i] + to_first * (g - u.first[i]);
            const float v = u.second[i] = b2 * u.second[i] + to_second * g * g;
            u.parameters[i] = u.parameters[i] * keep - rate * m / (std::sqrt(v) / root + eps);
        }
    }

    static void apply(const GatelabUpdate &u) {
        u.kind == GATELAB_SGD ? sgd(u) : u.kind == GATELAB_RMSPROP ? rmsprop(u) : adam(u);
    }
};

}  // namespace gatelab
