// What is refused, before anything is touched.
#pragma once

#include "checking.hpp"

namespace {

template <class Change>
void check_refused(const char *what, Random &random, Change &&change) {
    where = what;
    Model model({GRU_RESET_UPDATE_AFTER, 2, 5, 11, 4});
    Case c(model, {6, 3}, random);
    GatelabMember m = c.member();
    int count = 1, threads = 1;
    change(model.shape, m, count, threads);
    const int error = gatelab_read(&model.shape, &m, count, threads, nullptr);
    check(error != 0, "was not refused");
    check(std::strlen(gatelab_explain(error)) > 0 && std::strcmp(gatelab_explain(error), gatelab_explain(0)),
          "is not explained", error);
    for (float g : c.gradient()) check(g == Case::NOT_YET, "something was touched", g);
}

void test_refusals(Random &random) {
    using Shape = GatelabShape;
    using Member = GatelabMember;
    const auto shape = [&](const char *what, auto change) {
        check_refused(what, random, [&](Shape &s, Member &, int &, int &) { change(s); });
    };
    const auto member = [&](const char *what, auto change) {
        check_refused(what, random, [&](Shape &, Member &m, int &, int &) { change(m); });
    };
    shape("no code", [](Shape &s) { s.code = nullptr; });
    static GatelabCode other;
    other = *gatelab_known(GRU_RESET_UPDATE_AFTER, GATELAB_FP32);
    other.abi++;
    shape("code of another version", [](Shape &s) { s.code = &other; });
    check(!gatelab_known(CELLS, GATELAB_FP32) && !gatelab_known(-1, GATELAB_FP32) && !gatelab_digest(CELLS) &&
              !gatelab_digest(-1) && gatelab_digest(LSTM), "cells beyond");
    shape("precision", [](Shape &s) { s.precision = 7; });
    shape("no layers", [](Shape &s) { s.layers = 0; });
    shape("layers", [](Shape &s) { s.layers = GATELAB_MAX_LAYERS + 1; });
    shape("hidden", [](Shape &s) { s.hidden = 0; });
    shape("larger hidden", [](Shape &s) { s.hidden = 60; });
    shape("vocabulary", [](Shape &s) { s.vocabulary = 0; });
    shape("larger vocabulary", [](Shape &s) { s.vocabulary = 12; });
    shape("embedding", [](Shape &s) { s.embedding = -1; });
    shape("fewer parameters", [](Shape &s) { s.parameters--; });
    shape("negative place", [](Shape &s) { s.layer[1].letter[1].at = -1; });
    shape("place beyond", [](Shape &s) { s.layer[0].letter[0].at = INT64_MAX; });
    member("no rows", [](Member &m) { m.rows = 0; });
    member("no steps", [](Member &m) { m.steps = 0; });
    member("fewer steps", [](Member &m) { m.steps--; });
    member("shorter text", [](Member &m) { m.length--; });
    member("no parameters", [](Member &m) { m.parameters = nullptr; });
    member("no ids", [](Member &m) { m.ids = nullptr; });
    const std::vector<int64_t> wrong_ids(9, 11), below(9, -1), far(6, INT64_MAX - 1), negative(6, -1), empty{0, 1, 2, 3, 4, 5};
    member("id beyond", [&](Member &m) { m.ids = wrong_ids.data(); });
    member("id below", [&](Member &m) { m.ids = below.data(); });
    member("start beyond", [&](Member &m) { m.starts = far.data(); });
    member("start below", [&](Member &m) { m.starts = negative.data(); });
    member("no tokens", [&](Member &m) { m.ends = empty.data(); });
    check_refused("no members", random, [](Shape &, Member &, int &count, int &) { count = 0; });
    check_refused("no threads", random, [](Shape &, Member &, int &, int &threads) { threads = 0; });
    GatelabUpdate update{};
    check(gatelab_update(&update, 1) != 0, "an update of nothing was not refused");
}

}  // namespace
