// The whole model over a tile of rows: tokens in, loss and gradients out.
#pragma once

#include "head.hpp"
#include "layer_functions.hpp"

namespace gatelab {

struct HeadFunctions {
    decltype(&Head<Single>::pack) pack;
    decltype(&Head<Single>::lay_out_work) lay_out_work;
    decltype(&Head<Single>::score) score;
    decltype(&Head<Single>::predict) predict;
};

// What the model calls for a precision.
struct Functions {
    const LayerFunctions &table, &upper;
    HeadFunctions head;
};

inline const LayerFunctions &layer_functions(const GatelabShape &shape, bool table) {
    return *static_cast<const LayerFunctions *>(shape.code->functions[shape.precision][!table]);
}

template <class P>
Functions functions(const GatelabShape &shape) {
    return {layer_functions(shape, true), layer_functions(shape, false),
            {&Head<P>::pack, &Head<P>::lay_out_work, &Head<P>::score, &Head<P>::predict}};
}

inline Functions functions(const GatelabShape &shape) {
#if defined(GATELAB_HAS_BF16)
    if (shape.precision == GATELAB_BF16) return functions<Brain>(shape);
#endif
    return functions<Single>(shape);
}

// Weights as the products read them, or gradients in the same places.
struct ModelWeights {
    LayerWeights layer[GATELAB_MAX_LAYERS];
    HeadWeights head;
};

struct ModelTransposed {
    LayerTransposed layer[GATELAB_MAX_LAYERS];
    Packed head;
};

// What one thread needs for a tile.
struct ModelWork {
    LayerWork layer[GATELAB_MAX_LAYERS];
    float *dropped[GATELAB_MAX_LAYERS];  // outputs after dropout; NULL: the outputs themselves
    HeadWork head;
    float *d_out[2];
    int32_t *tokens, *targets;
};

class Model {
  public:
    explicit Model(const GatelabShape &shape)
        : shape(shape), functions_(functions(shape)), first(shape.hidden, shape.vocabulary, true),
          upper(shape.hidden, shape.hidden, false), head(first, shape.vocabulary) {}

    const GatelabShape &shape;

  private:
    const Functions functions_;

  public:
    const LayerSize first, upper;
    const HeadSize head;

    const LayerSize &size(int layer) const { return layer ? upper : first; }
    const LayerFunctions &call(int layer) const { return layer ? functions_.upper : functions_.table; }
    int states() const { return call(0).states; }

    ModelWeights lay_out(Arena &arena) const {
        ModelWeights w;
        for (int l = 0; l < shape.layers; l++) w.layer[l] = call(l).lay_out(size(l), arena);
        w.head = HeadWeights::lay_out(head, arena);
        return w;
    }

    ModelTransposed lay_out_transposed(Arena &arena) const {
        ModelTransposed t;
        for (int l = 0; l < shape.layers; l++) t.layer[l] = call(l).lay_out_transposed(size(l), arena);
        t.head = Head<Single>::lay_out_transposed(head, arena);
        return t;
    }

    // `score`: whether what is predicted is scored, in chunks; else the logits of a step are wanted.
    ModelWork lay_out_work(int64_t rows, int64_t steps, bool train, bool dropout, Arena &arena, bool score = true) const {
        ModelWork work{};
        const int64_t outputs = steps * rows * first.padded;
        for (int l = 0; l < shape.layers; l++) {
            work.layer[l] = call(l).lay_out_work(size(l), rows, steps, train, arena);
            work.dropped[l] = dropout ? arena.take(outputs) : nullptr;
        }
        for (int i = 0; train && i < (shape.layers > 1 ? 2 : 1); i++) work.d_out[i] = arena.take(outputs);
        work.head = functions_.head.lay_out_work(head, score ? Head<Single>::chunk(head) : rows, arena);
        work.tokens = reinterpret_cast<int32_t *>(arena.take(steps * rows));
        work.targets = reinterpret_cast<int32_t *>(arena.take(steps * rows));
        return work;
    }

    // -- Packing, in parts that may be done by different threads: one a layer, and the head ---------------------------

    int parts() const { return shape.layers + 1; }
    int64_t scratch() const { return call(0).scratch(first, shape.embedding); }

    void pack(int part, const float *p, float *scratch, const ModelWeights &w, const ModelTransposed *t) const {
        if (part == shape.layers) {
            functions_.head.pack(head, p + shape.head_at, p + shape.head_bias_at, w.head, t ? &t->head : nullptr);
            return;
        }
        const int64_t width = part ? 0 : shape.embedding;
        call(part).pack(size(part), {p, shape.layer[part]}, width ? p + shape.embedding_at : nullptr, width, scratch,
                        w.layer[part], t ? &t->layer[part] : nullptr);
    }

    void unpack(int part, const ModelWeights &g, const float *p, float *scratch, float *gradient) const {
        if (part == shape.layers) {
            Head<Single>::unpack(head, g.head, gradient + shape.head_at, gradient + shape.head_bias_at);
            return;
        }
        const int64_t width = part ? 0 : shape.embedding;
        call(part).unpack(size(part), g.layer[part], width ? p + shape.embedding_at : nullptr, width,
                          {p, shape.layer[part]}, scratch, {gradient, shape.layer[part]},
                          width ? gradient + shape.embedding_at : nullptr);
    }

    // -- One tile -----------------------------------------------------------------------------------------------------

    // Rows are computed in blocks: a few more than there are, if that is cheaper than one by one.
    static int64_t computed(int64_t rows) { return rows % 8 > 2 ? (rows + 7) / 8 * 8 : rows; }

    // The loss of rows [at, at + rows) of a member. With `g`, the gradient of scale * loss is added up there.
    double tile(const GatelabMember &member, int64_t at, int64_t rows, float scale, const ModelWeights &w,
                const ModelTransposed *t, const ModelWeights *g, const ModelWork &work) const {
        const Tile tile{computed(rows), member.steps, work.tokens, work.targets};
        gather(member, at, rows, tile.rows, work);
        const float *x = nullptr;
        for (int l = 0; l < shape.layers; l++) {
            const LayerWork &lw = work.layer[l];
            begin(member, l, at, rows, tile.rows, lw);
            call(l).forward[g != nullptr](size(l), w.layer[l], tile, x, lw, Part{});
            if (member.state_out) end(member, l, at, rows, tile, lw);
            x = out(l, tile, work);
            if (member.dropout) drop(member, l, at, rows, tile, lw.state[0] + tile.rows * first.padded, work.dropped[l]);
        }
        if (member.outputs) put_outputs(member, at, rows, tile, x);
        const double loss = functions_.head.score(head, w.head, t ? &t->head : nullptr, g ? &g->head : nullptr,
                                                  tile.steps * tile.rows, x, work.targets, scale, work.head,
                                                  work.d_out[0]);
        for (int l = shape.layers - 1; g && l >= 0; l--) {
            float *d_out = work.d_out[(shape.layers - 1 - l) % 2], *d_x = work.d_out[(shape.layers - l) % 2];
            if (member.dropout) drop(member, l, at, rows, tile, d_out, d_out);
            call(l).backward(size(l), t->layer[l], g->layer[l], tile, l ? out(l - 1, tile, work) : nullptr, d_out, d_x,
                             work.layer[l]);
        }
        return loss;
    }

    // Read work.tokens, one for each of `rows`, from the states in `work`, and leave there the states after them. What
    // comes next is predicted in work.head.logits, [row][head.columns], by the first of the threads that have a part.
    void step(int64_t rows, const ModelWeights &w, const ModelWork &work, const Part &part) const {
        const Tile tile{rows, 1, work.tokens, nullptr};
        const int64_t from = part.begin(first.groups) * LANES, to = part.end(first.groups) * LANES;
        const float *x = nullptr;
        for (int l = 0; l < shape.layers; l++) {
            const LayerWork &lw = work.layer[l];
            call(l).forward[false](size(l), w.layer[l], tile, x, lw, part);
            for (int s = 0; s < states(); s++)
                for (int64_t row = 0; row < rows; row++)
                    std::memcpy(lw.state[s] + row * first.padded + from, lw.state[s] + (rows + row) * first.padded + from,
                                (to - from) * sizeof(float));
            part.wait();
            x = lw.state[0];
        }
        if (part.first()) functions_.head.predict(head, w.head, rows, x, work.head);
    }

  private:
    // The outputs of a layer, [step][row][padded].
    const float *out(int l, const Tile &tile, const ModelWork &work) const {
        return work.dropped[l] ? work.dropped[l] : work.layer[l].state[0] + tile.rows * first.padded;
    }

    void gather(const GatelabMember &m, int64_t at, int64_t rows, int64_t computed, const ModelWork &work) const {
        for (int64_t row = 0; row < computed; row++) {
            // Rows that are only computed for the sake of their block read anything, and have no targets.
            const int64_t from = at + std::min(row, rows - 1), start = m.starts[from], length = m.ends[from] - start;
            for (int64_t t = 0; t < m.steps; t++) {
                const bool scored = t < length && row < rows;
                work.tokens[t * computed + row] = static_cast<int32_t>(m.ids[start + std::min(t, length - 1)]);
                work.targets[t * computed + row] = scored ? static_cast<int32_t>(m.ids[start + t + 1]) : -1;
            }
        }
    }

    // A member's tensor (layers, states, rows, hidden), at a layer, state and row.
    int64_t state_at(const GatelabMember &m, int l, int s, int64_t row) const {
        return ((static_cast<int64_t>(l) * states() + s) * m.rows + row) * shape.hidden;
    }

    void begin(const GatelabMember &m, int l, int64_t at, int64_t rows, int64_t computed, const LayerWork &work) const {
        for (int s = 0; s < states(); s++) {
            std::memset(work.state[s], 0, computed * first.padded * sizeof(float));
            // Rows for the sake of their block repeat the last one: from others no gradient might be a number.
            for (int64_t row = 0; m.state_in && row < computed; row++)
                std::memcpy(work.state[s] + row * first.padded, m.state_in + state_at(m, l, s, at + std::min(row, rows - 1)),
                            shape.hidden * sizeof(float));
        }
    }

    void end(const GatelabMember &m, int l, int64_t at, int64_t rows, const Tile &tile, const LayerWork &work) const {
        for (int s = 0; s < states(); s++)
            for (int64_t row = 0; row < rows; row++)
                std::memcpy(m.state_out + state_at(m, l, s, at + row),
                            work.state[s] + (tile.steps * tile.rows + row) * first.padded, shape.hidden * sizeof(float));
    }

    // to = x times the factors of dropout.
    void drop(const GatelabMember &m, int l, int64_t at, int64_t rows, const Tile &tile, const float *x, float *to) const {
        for (int64_t t = 0; t < tile.steps; t++)
            for (int64_t row = 0; row < tile.rows; row++) {
                const int64_t here = (t * tile.rows + row) * first.padded;
                const float *factors =
                    m.dropout + ((l * tile.steps + t) * m.rows + at + std::min(row, rows - 1)) * shape.hidden;
                for (int64_t u = 0; u < first.padded; u++) to[here + u] = u < shape.hidden ? x[here + u] * factors[u] : 0;
            }
    }

    void put_outputs(const GatelabMember &m, int64_t at, int64_t rows, const Tile &tile, const float *x) const {
        for (int64_t t = 0; t < tile.steps; t++)
            for (int64_t row = 0; row < rows; row++)
                std::memcpy(m.outputs + (t * m.rows + at + row) * shape.hidden, x + (t * tile.rows + row) * first.padded,
                            shape.hidden * sizeof(float));
    }
};

}  // namespace gatelab
