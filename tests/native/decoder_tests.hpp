// Decoders, against the reference.
#pragma once

#include <array>
#include <limits>

#include "checking.hpp"

namespace {

// Decode texts of one model.
int decode(const GatelabDecoder *decoder, GatelabStream *streams, int count, int steps, int threads) {
    const GatelabTexts texts{decoder, streams, count};
    return gatelab_decode(&texts, 1, steps, threads);
}

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
    for (int cell = 0; cell < CELLS; cell++) {
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
            check(decode(decoder, &s, 1, Texts::STEPS, 1) == 0, "decoding");
            check(s.finite == Texts::STEPS, "finite steps", s.finite);
            for (int64_t token : alone.tokens[i]) check(token >= 2 && token < 21, "a token", token);
        }
        // Tiles that are shared out, and one tile that several threads compute together.
        for (int run = 0; run < 3 * MOST_THREADS; run++) {
            const int threads = 1 + run / 3, count = std::array{37, 1, 5}[run % 3];
            where = "decoder, cell " + std::to_string(cell) + ", " + std::to_string(threads) + " threads";
            Texts together(first);
            std::vector<GatelabStream> streams;
            for (int i = 0; i < count; i++) streams.push_back(together.stream(i));
            check(decode(decoder, streams.data(), count, Texts::STEPS, threads) == 0, "decoding");
            for (int i = 0; i < count; i++) {
                check(together.tokens[i] == alone.tokens[i], "tokens");
                check_same("states", together.states[i], alone.states[i]);
                check_same("logits", together.logits[i], alone.logits[i]);
            }
        }
        // One whose state is no number breaks alone.
        Texts together(first);
        std::vector<GatelabStream> streams;
        for (int i = 0; i < 5; i++) streams.push_back(together.stream(i));
        together.states[2][7] = std::numeric_limits<float>::infinity();
        check(decode(decoder, streams.data(), 5, Texts::STEPS, 1) == 0, "decoding");
        for (int i = 0; i < 5; i++) {
            check(streams[i].finite == (i == 2 ? 0 : Texts::STEPS), "finite steps", streams[i].finite);
            if (i != 2) check(together.tokens[i] == alone.tokens[i], "tokens beside one that breaks");
        }
        gatelab_decoder_free(decoder);
    }
}

// Models of all cells and of several sizes in one call: each text is what it is alone.
void test_models_together(Random &random) {
    std::vector<GatelabDecoder *> decoders;
    std::vector<Texts> alone;
    for (int cell = 0; cell < CELLS; cell++) {
        const Model model({cell, 1 + cell % 2, 5 + 7 * cell, 21, cell % 2 * 5});
        const std::vector<double> numbers = Case(model, {1, 1}, random).parameters();
        const std::vector<float> parameters(numbers.begin(), numbers.end());
        GatelabDecoder *decoder = nullptr;
        check(gatelab_decoder_new(&model.shape, parameters.data(), 2, &decoder) == 0, "a decoder");
        decoders.push_back(decoder);
        alone.emplace_back(model, 1 + 6 * cell, random);
    }
    const std::vector<Texts> first(alone);
    for (int cell = 0; cell < CELLS; cell++)
        for (size_t i = 0; i < alone[cell].tokens.size(); i++) {
            GatelabStream s = alone[cell].stream(static_cast<int>(i));
            check(decode(decoders[cell], &s, 1, Texts::STEPS, 1) == 0, "decoding");
        }
    for (int threads = 1; threads <= MOST_THREADS; threads++) {
        where = "decoders of all cells, " + std::to_string(threads) + " threads";
        std::vector<Texts> together(first);
        std::vector<std::vector<GatelabStream>> streams(CELLS);
        std::vector<GatelabTexts> texts;
        for (int cell = 0; cell < CELLS; cell++) {
            const int count = static_cast<int>(together[cell].tokens.size());
            for (int i = 0; i < count; i++) streams[cell].push_back(together[cell].stream(i));
            texts.push_back({decoders[cell], streams[cell].data(), count});
        }
        check(gatelab_decode(texts.data(), CELLS, Texts::STEPS, threads) == 0, "decoding");
        for (int cell = 0; cell < CELLS; cell++)
            for (size_t i = 0; i < alone[cell].tokens.size(); i++) {
                check(together[cell].tokens[i] == alone[cell].tokens[i], "tokens");
                check_same("states", together[cell].states[i], alone[cell].states[i]);
                check_same("logits", together[cell].logits[i], alone[cell].logits[i]);
            }
    }
    GatelabTexts nothing{decoders[0], nullptr, 1};
    check(gatelab_decode(&nothing, 1, 1, 1) != 0, "no streams");
    nothing = {nullptr, nullptr, 1};
    check(gatelab_decode(&nothing, 1, 1, 1) != 0, "no decoder");
    check(gatelab_decode(nullptr, 1, 1, 1) != 0, "no texts");
    for (GatelabDecoder *decoder : decoders) gatelab_decoder_free(decoder);
}

void test_refused_decoding(Random &random) {
    const Model model({LSTM, 1, 5, 9, 0});
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
        check(decode(decoder, &s, 1, steps, 1) != 0, what);
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

}  // namespace
