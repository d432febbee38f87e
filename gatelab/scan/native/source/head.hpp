// The linear head over the vocabulary, the cross entropy of what it predicts, and the way back.
#pragma once

#include <cmath>
#include <limits>

#include "layout.hpp"

namespace gatelab {

struct HeadSize {
    int64_t hidden, padded, vocabulary, columns;  // columns: the vocabulary in whole vectors

    HeadSize(const LayerSize &layer, int64_t vocabulary)
        : hidden(layer.hidden), padded(layer.padded), vocabulary(vocabulary), columns(vectors(vocabulary) * LANES) {}
};

struct HeadWeights {
    Packed weights;  // (hidden, vocabulary), or its gradient
    float *bias;     // (columns)

    static HeadWeights lay_out(const HeadSize &size, Arena &arena) {
        const int64_t n = vectors(size.vocabulary);
        return {{arena.take(Packed::size(size.hidden, n)), size.hidden, n}, arena.take(size.columns)};
    }
};

// What a thread needs for a chunk of rows.
struct HeadWork {
    float *logits;        // [row][columns]
    float *left, *right;  // operands in slots
};

// P: the precision of its products.
template <class P>
struct Head {
    // Rows that are scored together: their logits stay in cache.
    static int64_t chunk(const HeadSize &size) { return std::max<int64_t>(8, std::min<int64_t>(128, 32768 / size.columns)); }

    // For so many rows at a time.
    static HeadWork lay_out_work(const HeadSize &size, int64_t rows, Arena &arena) {
        return {arena.take(rows * size.columns),
                arena.take(P::room(rows) * std::max(size.padded, size.columns)),
                arena.take(P::room(rows) * size.columns)};
    }

    static Packed lay_out_transposed(const HeadSize &size, Arena &arena) {
        const int64_t n = size.padded / LANES;
        return {arena.take(Packed::size(size.vocabulary, n)), size.vocabulary, n};
    }

    static void pack(const HeadSize &size, const float *weights, const float *bias, const HeadWeights &to,
                     const Packed *transposed) {
        std::memset(to.weights.data, 0, Packed::size(size.hidden, to.weights.vectors) * sizeof(float));
        // Lanes behind the vocabulary never win, and their exponentials are nothing. They are finite: a decoder looks for
        // what is not by whole vectors.
        for (int64_t v = 0; v < size.columns; v++) to.bias[v] = v < size.vocabulary ? bias[v] : std::numeric_limits<float>::lowest();
        for_rows(size, to.weights, [&](int64_t k, int64_t from, float *panel, int64_t count) {
            std::memcpy(panel, weights + k * size.vocabulary + from, count * sizeof(float));
        });
        to.weights.template round<P>();
        if (!transposed) return;
        std::memset(transposed->data, 0, Packed::size(size.vocabulary, transposed->vectors) * sizeof(float));
        for (int64_t v = 0; v < size.vocabulary; v++)
            for (int64_t k = 0; k < size.hidden; k++) *transposed->at(v, k) = weights[k * size.vocabulary + v];
        transposed->template round<P>();
    }

    static void unpack(const HeadSize &size, const HeadWeights &g, float *weights, float *bias) {
        std::memcpy(bias, g.bias, size.vocabulary * sizeof(float));
        for_rows(size, g.weights, [&](int64_t k, int64_t from, const float *panel, int64_t count) {
            std::memcpy(weights + k * size.vocabulary + from, panel, count * sizeof(float));
        });
    }

    // work.logits = the logits [row][columns] of `rows` outputs h (row stride padded).
    static void predict(const HeadSize &size, const HeadWeights &w, int64_t rows, const float *h, const HeadWork &work) {
        for (int64_t row = 0; row < rows; row++)
            for (int64_t v = 0; v < size.columns; v += LANES)
                store(work.logits + row * size.columns + v, load(w.bias + v));
        multiply<P, true>(rows, left(h, rows, size.padded, size.hidden, work), w.weights, work.logits, size.columns);
    }

    // The loss of `rows` outputs h (row stride padded) with their targets. With `g`, `logits` ends as the gradient of
    // scale * loss, which is added up in `g` and carried back into d_h.
    static double score(const HeadSize &size, const HeadWeights &w, const Packed *transposed, const HeadWeights *g,
                        int64_t rows, const float *h, const int32_t *targets, float scale, const HeadWork &work,
                        float *d_h) {
        double loss = 0;
        float *logits = work.logits;
        for (int64_t at = 0; at < rows; at += chunk(size)) {
            const int64_t count = std::min(chunk(size), rows - at);
            const float *from = h + at * size.padded;
            predict(size, w, count, from, work);
            loss += cross_entropy(size, count, targets + at, g ? scale : 0, logits);
            if (!g) continue;
            for (int64_t v = 0; v < size.columns; v += LANES) {
                Vector total = load(g->bias + v);
                for (int64_t row = 0; row < count; row++) total += load(logits + row * size.columns + v);
                store(g->bias + v, total);
            }
            add_gradient(size, g->weights, count, from, work);
            multiply<P, false>(count, left(logits, count, size.columns, size.vocabulary, work), *transposed,
                               d_h + at * size.padded, size.padded);
        }
        return loss;
    }

  private:
    // Rows of `width` numbers, the first `depth` of which are summed over.
    static Left left(const float *from, int64_t rows, int64_t width, int64_t depth, const HeadWork &work) {
        return {P::along_rows(from, rows * width, work.left), P::slots(width), 1, P::slots(depth)};
    }

    // The gradient of the weights from `rows` outputs h and the gradients of their logits.
    static void add_gradient(const HeadSize &size, const Packed &g, int64_t rows, const float *h, const HeadWork &work) {
        const Left left{P::along_columns(h, rows, size.padded, work.left), 1, size.padded, P::slots(rows)};
        const float *d_logits = P::along_columns(work.logits, rows, size.columns, work.right);
        for (int64_t first = 0; first < g.vectors; first += PANEL) {
            const Right right{d_logits + first * LANES, size.columns};
            if (g.width(first) == PANEL)
                multiply_panel<P, PANEL, true>(size.hidden, left, right, {g.panel(first), PANEL * LANES});
            else
                multiply_panel<P, 1, true>(size.hidden, left, right, {g.panel(first), LANES});
        }
    }

    template <class Body>
    static void for_rows(const HeadSize &size, const Packed &panels, Body &&body) {
        for (int64_t first = 0; first < panels.vectors; first += PANEL) {
            const int64_t from = first * LANES, count = std::min(panels.width(first) * LANES, size.vocabulary - from);
            for (int64_t k = 0; k < size.hidden; k++)
                body(k, from, panels.panel(first) + k * panels.width(first) * LANES, count);
        }
    }

    // The loss in nats. Logits become the gradient of scale * loss where scale is not 0; 0 in rows without a target.
    static double cross_entropy(const HeadSize &size, int64_t rows, const int32_t *targets, float scale, float *logits) {
        // One logarithm for many rows: the product of their sums of exponentials, each in [1, vocabulary].
        const int64_t together = std::max<int64_t>(1, static_cast<int64_t>(300 / std::log10(size.vocabulary + 9.0)));
        double loss = 0, product = 1;
        int64_t factors = 0;
        for (int64_t row = 0; row < rows; row++) {
            float *x = logits + row * size.columns;
            if (targets[row] < 0) {
                std::memset(x, 0, size.columns * sizeof(float));
                continue;
            }
            const float of_target = x[targets[row]], most = maximum(size, x);
            const float total = exponentials(size, x, most);
            product *= total;
            if (++factors == together) loss += std::log(product), product = 1, factors = 0;
            loss += static_cast<double>(most) - of_target;
            if (scale == 0) continue;
            const float factor = scale / total;
            for (int64_t v = 0; v < size.columns; v += LANES) store(x + v, load(x + v) * factor);
            x[targets[row]] -= scale;
        }
        return loss + std::log(product);
    }

    // NaN may be lost here: their exponentials are NaN, and so is the loss.
    GATELAB_INLINE static float maximum(const HeadSize &size, const float *x) {
        Vector most = load(x);
        for (int64_t v = LANES; v < size.columns; v += LANES) most = larger(load(x + v), most);
        return largest(most);
    }

    // x = e^(x - most). Returns their sum.
    GATELAB_INLINE static float exponentials(const HeadSize &size, float *x, float most) {
        Vector total{};
        for (int64_t v = 0; v < size.columns; v += LANES) {
            Vector e = exp(load(x + v) - most);
            store(x + v, e);
            total += e;
        }
        return sum(total);
    }
};

}  // namespace gatelab
