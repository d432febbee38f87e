// The native engine's C interface against the reference, for the sanitizers: `scripts/sanitize` builds and runs it.
#include "engine.h"

#include <array>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "cases.hpp"

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

// -- The reference ----------------------------------------------------------------------------------------------------------

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
        // A probability is rounded by 6e-8, which reaches an element of the gradient by weights of several units.
        const double tolerance = 2e-5 * size + 5e-7 * (1 + std::sqrt(square));
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
    const double tolerance = 1e-5 * expected.loss + 2e-7 * m.tokens;
    check_close("loss", m.loss, expected.loss, tolerance);
    for (size_t i = 0; i < expected.state.size(); i++) check_rounded("state", c.state()[i], expected.state[i]);
    for (size_t i = 0; i < expected.outputs.size(); i++) check_rounded("output", c.outputs()[i], expected.outputs[i]);
    double square_norm = 0;
    for (float g : c.gradient()) square_norm += static_cast<double>(g) * g;
    check_close("square norm", m.square_norm, square_norm, 1e-9 * square_norm);
    check_gradient(model, c, m, random);

    GatelabMember only_read = c.member(false);
    read(model, &only_read, 1, 3);
    check_close("loss without a gradient", only_read.loss, expected.loss, tolerance);
}

void test_reference(Random &random) {
    for (int cell = 0; cell < GATELAB_CELLS; cell++) {
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
    for (int cell = 0; cell < GATELAB_CELLS; cell++)
        for (const Sizes &sizes : {Sizes{cell, 1, 7, 29, 0}, Sizes{cell, 2, 33, 5, 3}}) {
            const Reading how{19, 3, true, true, true};
            where = "bfloat16, " + describe(sizes, how);
            Model model(sizes);
            Case c(model, how, random);
            GatelabMember m = c.member();
            read(model, &m, 1, 2);
            const std::vector<float> single(c.gradient());
            model.shape.precision = GATELAB_BF16;
            read(model, &m, 1, 2);
            double apart = 0, size = 0;
            for (size_t i = 0; i < single.size(); i++) {
                apart += std::pow(c.gradient()[i] - single[i], 2);
                size += std::pow(single[i], 2);
            }
            check(apart > 0, "is single precision");
            // A relu may turn: a number that was just below 0 is then just above.
            check_close("gradient", std::sqrt(apart / size), 0, cell == GATELAB_RNN_RELU ? 0.3 : 0.05);
        }
}

// -- The same bits ----------------------------------------------------------------------------------------------------------

// Members of one shape with their own parameters and texts.
struct Pack {
    Model model;
    std::vector<Case> cases;

    Pack(const Sizes &sizes, Random &random) : model(sizes) {
        for (const Reading &how : {Reading{37, 6, true, true}, Reading{1, 9}, Reading{16, 6, false, true, true}})
            cases.emplace_back(model, how, random);
    }

    std::vector<GatelabMember> members() {
        std::vector<GatelabMember> all;
        for (Case &c : cases) all.push_back(c.member());
        return all;
    }

    // What each computes alone, in one thread.
    std::vector<std::vector<float>> alone() {
        std::vector<std::vector<float>> expected;
        for (Case &c : cases) {
            GatelabMember m = c.member();
            read(model, &m, 1, 1);
            expected.push_back(c.results());
        }
        return expected;
    }
};

void test_same_bits(Random &random) {
    for (int cell = 0; cell < GATELAB_CELLS; cell++) {
        Pack pack({cell, 2, 33, 28, cell % 2 * 6}, random);
        const auto expected = pack.alone();
        for (int threads = 1; threads <= MOST_THREADS; threads++) {
            where = "cell " + std::to_string(cell) + ", " + std::to_string(threads) + " threads";
            for (size_t i = 0; i < pack.cases.size(); i++) {
                GatelabMember m = pack.cases[i].member();
                read(pack.model, &m, 1, threads);
                check_same("alone", pack.cases[i].results(), expected[i]);
            }
            auto members = pack.members();
            read(pack.model, members.data(), static_cast<int>(members.size()), threads);
            for (size_t i = 0; i < members.size(); i++) check_same("in a pack", pack.cases[i].results(), expected[i]);
        }
    }
}

// -- Other threads and processes --------------------------------------------------------------------------------------------

void test_calls_at_once(Random &random) {
    std::vector<Pack> packs;
    for (int i = 0; i < 3; i++) packs.emplace_back(Sizes{GATELAB_GRU_RESET_UPDATE_BEFORE, 1, 20, 28, 0}, random);
    std::vector<std::thread> callers;
    for (Pack &pack : packs)
        callers.emplace_back([&pack, expected = pack.alone()] {
            where = "calls at once";
            for (int threads = MOST_THREADS; threads > 0; threads--) {
                auto members = pack.members();
                read(pack.model, members.data(), static_cast<int>(members.size()), threads);
                for (size_t i = 0; i < members.size(); i++) check_same("results", pack.cases[i].results(), expected[i]);
            }
        });
    for (auto &caller : callers) caller.join();
}

// A worker forks its child after it was loaded, maybe after it was used: the child has none of its threads.
void test_fork(Random &random) {
#if !defined(__SANITIZE_THREAD__)  // which does not support threads after a fork
    Pack pack({GATELAB_LSTM, 1, 20, 28, 0}, random);
    const auto expected = pack.alone();
    const pid_t child = fork();
    if (child == 0) {
        where = "in a child";
        auto members = pack.members();
        read(pack.model, members.data(), static_cast<int>(members.size()), MOST_THREADS);
        for (size_t i = 0; i < members.size(); i++) check_same("results", pack.cases[i].results(), expected[i]);
        _exit(0);
    }
    int status = 1;
    waitpid(child, &status, 0);
    check(status == 0, "a forked child", status);
#else
    (void)random;
#endif
}

// -- Decoders ---------------------------------------------------------------------------------------------------------------

// Texts of one model, each with arrays of exactly the size that the interface asks for.
struct Texts {
    static constexpr int STEPS = 5;
    std::vector<std::vector<float>> states, logits;
    std::vector<std::vector<double>> uniforms;
    std::vector<std::vector<uint8_t>> seen;
    std::vector<std::vector<int64_t>> tokens;
    std::vector<float> bias;

    Texts(const Model &model, int count, Random &random) : bias(model.shape.vocabulary) {
        const size_t vocabulary = model.shape.vocabulary;
        const size_t state = static_cast<size_t>(model.shape.layers) * reference::states_of(model.shape.cell) * model.shape.hidden;
        std::uniform_real_distribution<double> uniform(0, 1);
        std::normal_distribution<float> normal;
        for (float &x : bias) x = normal(random);
        for (int i = 0; i < count; i++) {
            states.emplace_back(state), logits.emplace_back(STEPS * vocabulary), uniforms.emplace_back(STEPS);
            seen.emplace_back(vocabulary), tokens.emplace_back(STEPS);
            for (float &x : states[i]) x = 0.5f * normal(random);
            for (double &u : uniforms[i]) u = uniform(random);
        }
    }

    // Every one chooses in its own way.
    GatelabStream stream(int i) {
        GatelabStream s{};
        s.state = states[i].data(), s.token = i % 3, s.uniforms = uniforms[i].data();
        s.temperature = i % 4 * 0.7, s.top_p = i % 3 ? 1 : 0.8, s.min_p = i % 5 ? 0 : 0.05, s.top_k = i % 2 * 3;
        s.penalty = i % 2 ? 1.3 : 1, s.seen = i % 3 ? nullptr : seen[i].data(), s.bias = i % 2 ? bias.data() : nullptr;
        s.tokens = tokens[i].data(), s.logits = i % 4 ? nullptr : logits[i].data();
        return s;
    }
};

void test_decoders(Random &random) {
    for (int cell = 0; cell < GATELAB_CELLS; cell++) {
        const Model model({cell, 2, 19, 21, cell % 2 * 5});
        const Case weights(model, {1, 1}, random);
        const std::vector<double> numbers = weights.parameters();
        const std::vector<float> parameters(numbers.begin(), numbers.end());
        GatelabDecoder *decoder = nullptr;
        check(gatelab_decoder_new(&model.shape, parameters.data(), 2, &decoder) == 0, "a decoder");
        const Texts first(model, 37, random);
        Texts alone(first);
        for (int i = 0; i < 37; i++) {
            GatelabStream s = alone.stream(i);
            check(gatelab_decode(decoder, &s, 1, Texts::STEPS, 1) == 0, "decoding");
            for (int64_t token : alone.tokens[i]) check(token >= 2 && token < 21, "a token", token);
        }
        // Tiles that are shared out, and one tile that several threads compute together.
        for (int run = 0; run < 3 * MOST_THREADS; run++) {
            const int threads = 1 + run / 3, count = std::array{37, 1, 5}[run % 3];
            where = "decoder, cell " + std::to_string(cell) + ", " + std::to_string(threads) + " threads";
            Texts together(first);
            std::vector<GatelabStream> streams;
            for (int i = 0; i < count; i++) streams.push_back(together.stream(i));
            check(gatelab_decode(decoder, streams.data(), count, Texts::STEPS, threads) == 0, "decoding");
            for (int i = 0; i < count; i++) {
                check(together.tokens[i] == alone.tokens[i], "tokens");
                check_same("states", together.states[i], alone.states[i]);
                check_same("logits", together.logits[i], alone.logits[i]);
            }
        }
        gatelab_decoder_free(decoder);
    }
}

void test_refused_decoding(Random &random) {
    const Model model({GATELAB_LSTM, 1, 5, 9, 0});
    const std::vector<float> parameters(model.shape.parameters, 0.1f);
    GatelabDecoder *decoder = nullptr;
    check(gatelab_decoder_new(&model.shape, parameters.data(), 9, &decoder) != 0, "all tokens are forbidden");
    check(gatelab_decoder_new(&model.shape, nullptr, 2, &decoder) != 0, "no parameters");
    check(gatelab_decoder_new(&model.shape, parameters.data(), 2, &decoder) == 0, "a decoder");
    Texts texts(model, 1, random);
    const auto refused = [&](const char *what, int steps, auto change) {
        GatelabStream s = texts.stream(0);
        s.temperature = 1;
        change(s);
        check(gatelab_decode(decoder, &s, 1, steps, 1) != 0, what);
    };
    using Stream = GatelabStream;
    refused("no steps", 0, [](Stream &) {});
    refused("token", 1, [](Stream &s) { s.token = 9; });
    refused("token below", 1, [](Stream &s) { s.token = -1; });
    refused("no state", 1, [](Stream &s) { s.state = nullptr; });
    refused("no uniforms", 1, [](Stream &s) { s.uniforms = nullptr; });
    refused("temperature", 1, [](Stream &s) { s.temperature = -1; });
    refused("no temperature", 1, [](Stream &s) { s.temperature = NAN; });
    refused("top_p", 1, [](Stream &s) { s.top_p = 0; });
    refused("min_p", 1, [](Stream &s) { s.min_p = 2; });
    refused("penalty", 1, [](Stream &s) { s.penalty = 0; });
    refused("top_k", 1, [](Stream &s) { s.top_k = -1; });
    gatelab_decoder_free(decoder);
}

// -- Optimizers -------------------------------------------------------------------------------------------------------------

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
                    check_close("parameter", p[i], expected[i].p, 1e-5);
                }
            }
        }
}

// -- Refusals ---------------------------------------------------------------------------------------------------------------

template <class Change>
void check_refused(const char *what, Random &random, Change &&change) {
    where = what;
    Model model({GATELAB_GRU_RESET_UPDATE_AFTER, 2, 5, 11, 4});
    Case c(model, {6, 3}, random);
    GatelabMember m = c.member();
    int count = 1, threads = 1;
    change(model.shape, m, count, threads);
    const int error = gatelab_read(&model.shape, &m, count, threads);
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
    shape("cell", [](Shape &s) { s.cell = GATELAB_CELLS; });
    shape("cell below", [](Shape &s) { s.cell = -1; });
    shape("precision", [](Shape &s) { s.precision = 7; });
    shape("no layers", [](Shape &s) { s.layers = 0; });
    shape("layers", [](Shape &s) { s.layers = GATELAB_MAX_LAYERS + 1; });
    shape("hidden", [](Shape &s) { s.hidden = 0; });
    shape("larger hidden", [](Shape &s) { s.hidden = 60; });
    shape("vocabulary", [](Shape &s) { s.vocabulary = 0; });
    shape("larger vocabulary", [](Shape &s) { s.vocabulary = 12; });
    shape("embedding", [](Shape &s) { s.embedding = -1; });
    shape("fewer parameters", [](Shape &s) { s.parameters--; });
    shape("negative place", [](Shape &s) { s.layer[1].candidate = -1; });
    shape("place beyond", [](Shape &s) { s.layer[0].input = INT64_MAX; });
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

// The only argument is the seed of a run that is to be repeated.
int main(int count, char **arguments) {
    seed = count > 1 ? std::strtoul(arguments[1], nullptr, 10) : std::random_device{}();
    Random random(seed);
    check(gatelab_abi() == GATELAB_ABI, "abi", gatelab_abi(), GATELAB_ABI);
    test_reference(random);
    test_bfloat16(random);
    test_same_bits(random);
    test_calls_at_once(random);
    test_fork(random);
    test_decoders(random);
    test_refused_decoding(random);
    test_optimizers(random);
    test_refusals(random);
    std::puts("all native tests passed");
}
