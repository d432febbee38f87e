// What fails, and on which random numbers.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "cases.hpp"
#include "engine.h"

namespace {

constexpr int MOST_THREADS = 4;

// What is being tested and on which random numbers, for the message of a check that fails.
thread_local std::string where;
unsigned long seed;

void check(bool holds, const char *what, double found = 0, double expected = 0) {
    if (holds) return;
    std::fprintf(stderr, "seed %lu: %s: %s: %.9g, expected %.9g\n", seed, where.c_str(), what, found, expected);
    std::exit(1);
}

void check_close(const char *what, double found, double expected, double tolerance) {
    check(std::fabs(found - expected) <= tolerance, what, found, expected);
}

// The unit roundoffs of single and double precision.
constexpr double SINGLE = 0x1p-24, DOUBLE = 0x1p-53;

// How far apart two sums of `terms` numbers may be, the largest of which has the size `scale`. tests/rounding.py has the same
// rule and the same factor, and explains them.
double rounding(int64_t terms, double scale = 1, double roundoff = SINGLE) { return 4 * terms * roundoff * scale; }

// How many numbers are added up on the longest path through a model that reads `steps` tokens.
int64_t terms_of(const GatelabShape &s, int64_t steps) {
    const int64_t below = s.embedding_at < 0 ? 1 : s.embedding;
    return steps * (below + (s.layers - 1) * s.hidden + s.layers * (s.hidden + 1)) + s.hidden + 1;
}

// The terms have a size of 1 at least; a relu lets them grow large.
void check_rounded(const char *what, const std::vector<float> &found, const std::vector<double> &expected, int64_t terms) {
    double scale = 1;
    for (double x : expected) scale = std::fmax(scale, std::fabs(x));
    for (size_t i = 0; i < expected.size(); i++) check_close(what, found[i], expected[i], rounding(terms, scale));
}

void check_same(const char *what, const std::vector<float> &found, const std::vector<float> &expected) {
    check(found.size() == expected.size(), what, found.size(), expected.size());
    check(!std::memcmp(found.data(), expected.data(), found.size() * sizeof(float)), what);
}

void read(const Model &model, GatelabMember *members, int count, int threads) {
    const int error = gatelab_read(&model.shape, members, count, threads, nullptr);
    check(error == 0, gatelab_explain(error), error);
}

std::string describe(const Sizes &s, const Reading &r) {
    return "cell " + std::to_string(s.cell) + ", layers " + std::to_string(s.layers) + ", hidden " +
           std::to_string(s.hidden) + ", vocabulary " + std::to_string(s.vocabulary) + ", embedding " +
           std::to_string(s.embedding) + ", rows " + std::to_string(r.rows) + ", steps " + std::to_string(r.steps);
}

}  // namespace
