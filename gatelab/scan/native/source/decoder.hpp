// Text from a model: a token is read, the next one is chosen, and so on, for many texts at once.
#pragma once

#include <vector>

#include "call.hpp"
#include "sampling.hpp"

struct GatelabDecoder {
    static constexpr int64_t TILE = 16;  // streams that are computed together

    GatelabDecoder(const GatelabShape &of, const float *parameters, int32_t forbidden)
        : forbidden(forbidden), shape_(of), model_(shape_) {
        using namespace gatelab;
        Arena measure;
        lay_out(measure);
        bytes_ = measure.used() * static_cast<int64_t>(sizeof(float));
        Arena arena(weights_memory_.of(measure.used()));
        float *scratch = lay_out(arena);
        for (int part = 0; part < model_.parts(); part++) model_.pack(part, parameters, scratch, weights_, nullptr);
    }

    const int32_t forbidden;
    const GatelabShape &shape() const { return shape_; }
    int64_t bytes() const { return bytes_; }

    // One tile, by one thread.
    void decode_tile(GatelabStream *streams, int64_t count, int64_t steps) const {
        const int64_t rows = gatelab::Model::computed(count);
        const gatelab::ModelWork work = this->work(rows);
        begin(streams, count, rows, work);
        advance(streams, count, rows, steps, work, {});
        end(streams, count, work);
    }

    // One tile, by several threads.
    void decode_together(GatelabStream *streams, int64_t count, int64_t steps, int threads) const {
        const int64_t rows = gatelab::Model::computed(count);
        const gatelab::ModelWork work = this->work(rows);
        begin(streams, count, rows, work);
        gatelab::team(threads, [&](gatelab::Team &team, int number) {
            advance(streams, count, rows, steps, work, {&team, number});
        });
        end(streams, count, work);
    }

  private:
    float *lay_out(gatelab::Arena &arena) {
        weights_ = model_.lay_out(arena);
        return arena.take(model_.scratch());
    }

    // Each thread has its own memory, which stays.
    gatelab::ModelWork work(int64_t rows) const {
        static thread_local gatelab::Block memory;
        gatelab::Arena measure;
        model_.lay_out_work(rows, 1, false, false, measure, false);
        gatelab::Arena arena(memory.of(measure.used()));
        return model_.lay_out_work(rows, 1, false, false, arena, false);
    }

    void advance(GatelabStream *streams, int64_t count, int64_t rows, int64_t steps, const gatelab::ModelWork &work,
                 const gatelab::Part &part) const {
        const int64_t columns = model_.head.columns;
        gatelab::Sampler sampler(forbidden, shape_.vocabulary, columns);
        for (int64_t step = 0; step < steps; step++) {
            model_.step(rows, weights_, work, part);
            for (int64_t row = 0; part.first() && row < count; row++) {
                GatelabStream &stream = streams[row];
                float *logits = work.head.logits + row * columns;
                if (stream.finite < step || !finite(row, work)) continue;  // nothing is chosen from it any more
                stream.finite++;
                if (stream.logits)
                    std::memcpy(stream.logits + step * shape_.vocabulary, logits, shape_.vocabulary * sizeof(float));
                stream.token = sampler.choose(stream, stream.uniforms ? stream.uniforms[step] : 0, logits);
                if (stream.seen) stream.seen[stream.token] = 1;
                stream.tokens[step] = stream.token;
                work.tokens[row] = static_cast<int32_t>(stream.token);
            }
            part.wait();
        }
    }

    // Whether the logits and the states of a row are numbers after a step.
    bool finite(int64_t row, const gatelab::ModelWork &work) const {
        gatelab::Finite found;
        found.add(work.head.logits + row * model_.head.columns, model_.head.columns);
        for (int l = 0; l < shape_.layers; l++)
            for (int s = 0; s < model_.states(); s++)
                found.add(work.layer[l].state[s] + row * model_.first.padded, model_.first.padded);
        return found.all();
    }

    // The states and tokens of `count` streams, and nothing in rows that are computed for the sake of their block.
    void begin(GatelabStream *streams, int64_t count, int64_t rows, const gatelab::ModelWork &work) const {
        for (int l = 0; l < shape_.layers; l++)
            for (int s = 0; s < model_.states(); s++)
                std::memset(work.layer[l].state[s], 0, rows * model_.first.padded * sizeof(float));
        for_states(streams, count, work, [](const float *stream, float *row, int64_t units) {
            std::memcpy(row, stream, units * sizeof(float));
        });
        for (int64_t row = 0; row < count; row++) streams[row].finite = 0;
        for (int64_t row = 0; row < rows; row++)
            work.tokens[row] = row < count ? static_cast<int32_t>(streams[row].token) : 0;
    }

    void end(GatelabStream *streams, int64_t count, const gatelab::ModelWork &work) const {
        for_states(streams, count, work, [](float *stream, const float *row, int64_t units) {
            std::memcpy(stream, row, units * sizeof(float));
        });
    }

    // Call body(in the stream, in the tile, units) for every tensor of every state.
    template <class Body>
    void for_states(GatelabStream *streams, int64_t count, const gatelab::ModelWork &work, Body &&body) const {
        for (int64_t row = 0; row < count; row++)
            for (int l = 0; l < shape_.layers; l++)
                for (int s = 0; s < model_.states(); s++)
                    body(streams[row].state + (static_cast<int64_t>(l) * model_.states() + s) * shape_.hidden,
                         work.layer[l].state[s] + row * model_.first.padded, shape_.hidden);
    }

    const GatelabShape shape_;
    const gatelab::Model model_;
    int64_t bytes_ = 0;
    gatelab::Block weights_memory_;
    gatelab::ModelWeights weights_;
};

namespace gatelab {

// Texts of one model that are computed together, for each tile.
inline std::vector<GatelabTexts> tiles_of(const GatelabTexts *texts, int models) {
    constexpr int32_t most = GatelabDecoder::TILE;
    std::vector<GatelabTexts> tiles;
    for (int i = 0; i < models; i++)
        for (int32_t at = 0; at < texts[i].count; at += most)
            tiles.push_back({texts[i].decoder, texts[i].streams + at, std::min(most, texts[i].count - at)});
    return tiles;
}

// Each tile by one thread, of whichever model; a tile that is alone by all of them.
inline void decode(const GatelabTexts *texts, int models, int64_t steps, int threads) {
    const std::vector<GatelabTexts> tiles = tiles_of(texts, models);
    const auto decode_tile = [&](const GatelabTexts &tile) { tile.decoder->decode_tile(tile.streams, tile.count, steps); };
    const GatelabTexts &first = tiles.front();
    if (threads > 1 && tiles.size() == 1 && first.decoder->shape().precision == GATELAB_FP32)
        return first.decoder->decode_together(first.streams, first.count, steps, threads);
    const int team = static_cast<int>(std::min<size_t>(threads, tiles.size()));
    if (team == 1) {
        FlushDenormals flush;
        for (const GatelabTexts &tile : tiles) decode_tile(tile);
        return;
    }
    std::atomic<bool> out_of_memory{false};
    share(team, static_cast<int64_t>(tiles.size()), [&](int64_t number) {
        try {
            decode_tile(tiles[number]);
        } catch (const std::bad_alloc &) {
            out_of_memory = true;
        }
    });
    if (out_of_memory) throw std::bad_alloc();
}

}  // namespace gatelab
