// Losses, states and gradients, against the reference.
#pragma once

#include "checking.hpp"

namespace {

// The gradient along a random direction of each tensor, against the difference quotient of the reference's loss, over a way
// so short that a relu hardly ever has its kink on it.
void check_gradient(const Model &model, Case &c, const GatelabMember &m, Random &random) {
    const reference::Numbers p = c.parameters();
    std::normal_distribution<double> normal;
    for (const Tensor &tensor : model.tensors) {
        reference::Numbers ahead(p), behind(p);
        double slope = 0, size = 0, square = 0;
        const double step = 1e-7 / std::sqrt(static_cast<double>(tensor.length));
        for (int64_t i = tensor.at; i < tensor.at + tensor.length; i++) {
            const double direction = normal(random);
            ahead[i] += step * direction, behind[i] -= step * direction;
            square += direction * direction;
            slope += direction * c.gradient()[i];
            size += std::fabs(direction * c.gradient()[i]);
        }
        const auto loss = [&](const reference::Numbers &q) { return reference::read(model.shape, m, q).loss / m.tokens; };
        // There and back, and over all rows and steps. Besides, a probability is rounded, and the head's weights carry that
        // to every element of the gradient.
        const int64_t terms = 2 * terms_of(model.shape, m.steps) + m.rows * m.steps;
        const double tolerance = rounding(terms, size) + rounding(2, 1 + std::sqrt(square));
        check_close("slope", slope, (loss(ahead) - loss(behind)) / (2 * step), tolerance);
    }
}

void check_against_reference(const Sizes &sizes, const Reading &how, Random &random) {
    where = describe(sizes, how);
    const Model model(sizes);
    Case c(model, how, random);
    GatelabMember m = c.member();
    read(model, &m, 1, 2);
    const reference::Result expected = reference::read(model.shape, m, c.parameters());
    check(m.tokens == expected.tokens, "tokens", m.tokens, expected.tokens);
    const int64_t terms = terms_of(model.shape, m.steps);
    const double tolerance = rounding(terms + m.tokens, std::fmax(expected.loss, m.tokens));
    check_close("loss", m.loss, expected.loss, tolerance);
    check_rounded("state", c.state(), expected.state, terms);
    check_rounded("output", c.outputs(), expected.outputs, terms);
    double square_norm = 0;
    for (float g : c.gradient()) square_norm += static_cast<double>(g) * g;
    check_close("square norm", m.square_norm, square_norm, rounding(model.shape.parameters, square_norm, DOUBLE));
    check_gradient(model, c, m, random);

    GatelabMember only_read = c.member(false);
    read(model, &only_read, 1, 3);
    check_close("loss without a gradient", only_read.loss, expected.loss, tolerance);
}

void test_reference(Random &random) {
    for (int cell = 0; cell < CELLS; cell++) {
        check_against_reference({cell, 1, 1, 2, 0}, {1, 1}, random);
        check_against_reference({cell, 1, 7, 28, 0}, {5, 4, true, true}, random);
        check_against_reference({cell, 2, 17, 5, 3}, {19, 3, true, true, true}, random);
        check_against_reference({cell, 1, 33, 29, 0}, {3, 2, false, true}, random);
        check_against_reference({cell, 3, 4, 17, 19}, {10, 5, true, false, true}, random);
    }
}

// In bfloat16, where this build has it: close to single precision, and not the same.
void test_bfloat16(Random &random) {
    if (!gatelab_has(GATELAB_BF16)) return;
    for (int cell = 0; cell < CELLS; cell++)
        for (const Sizes &sizes : {Sizes{cell, 1, 7, 29, 0}, Sizes{cell, 2, 33, 5, 3}}) {
            const Reading how{19, 3, true, true, true};
            where = "bfloat16, " + describe(sizes, how);
            Model model(sizes);
            Case c(model, how, random);
            GatelabMember m = c.member();
            read(model, &m, 1, 2);
            const std::vector<float> single(c.gradient());
            model.shape.precision = GATELAB_BF16;
            model.shape.code = gatelab_known(cell, GATELAB_BF16);
            read(model, &m, 1, 2);
            double apart = 0, size = 0;
            for (size_t i = 0; i < single.size(); i++) {
                apart += std::pow(c.gradient()[i] - single[i], 2);
                size += std::pow(single[i], 2);
            }
            check(apart > 0, "is single precision");
            // A relu may turn: a number that was just below 0 is then just above.
            check_close("gradient", std::sqrt(apart / size), 0, cell == RNN_RELU ? 0.3 : 0.05);
        }
}

// A call that is interrupted ends with an error, and leaves nothing behind that a later call could notice.
void test_interruption(Random &random) {
    where = "interruption";
    Model model({GRU_RESET_UPDATE_BEFORE, 2, 9, 12, 0});
    Case c(model, {100, 5, true}, random), again(model, {100, 5, true}, random);
    for (int threads : {1, 3}) {
        GatelabMember whole = c.member();
        read(model, &whole, 1, threads);
        const std::vector<float> gradient = c.gradient();
        GatelabMember other = again.member();
        const int32_t interrupted = 1, not_interrupted = 0;
        const int error = gatelab_read(&model.shape, &other, 1, threads, &interrupted);
        check(!std::strcmp(gatelab_explain(error), "interrupted"), "was not interrupted", error);
        GatelabMember repeated = c.member();
        check(gatelab_read(&model.shape, &repeated, 1, threads, &not_interrupted) == 0, "was interrupted");
        check(repeated.loss == whole.loss, "another loss", repeated.loss, whole.loss);
        check_same("gradient", c.gradient(), gradient);
    }
}

}  // namespace
