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

// To single precision; a relu lets numbers grow large.
void check_rounded(const char *what, double found, double expected) {
    check_close(what, found, expected, 2e-5 * (1 + std::fabs(expected)));
}

void check_same(const char *what, const std::vector<float> &found, const std::vector<float> &expected) {
    check(found.size() == expected.size(), what, found.size(), expected.size());
    check(!std::memcmp(found.data(), expected.data(), found.size() * sizeof(float)), what);
}

void read(const Model &model, GatelabMember *members, int count, int threads) {
    const int error = gatelab_read(&model.shape, members, count, threads);
    check(error == 0, gatelab_explain(error), error);
}

std::string describe(const Sizes &s, const Reading &r) {
    return "cell " + std::to_string(s.cell) + ", layers " + std::to_string(s.layers) + ", hidden " +
           std::to_string(s.hidden) + ", vocabulary " + std::to_string(s.vocabulary) + ", embedding " +
           std::to_string(s.embedding) + ", rows " + std::to_string(r.rows) + ", steps " + std::to_string(r.steps);
}

}  // namespace
