// What is wrong with a call's arguments. Nothing is touched before all checks have passed.
#pragma once

#include "engine.h"
#include "layer_functions.hpp"
#include "precision.hpp"

namespace gatelab {

enum Error {
    OK,
    BAD_CODE,
    BAD_PRECISION,
    BAD_LAYERS,
    BAD_HIDDEN,
    BAD_VOCABULARY,
    BAD_EMBEDDING,
    BAD_PARAMETERS,
    BAD_COUNT,
    BAD_THREADS,
    BAD_ROWS,
    BAD_STEPS,
    BAD_WINDOW,
    BAD_TOKEN,
    NULL_POINTER,
    BAD_OPTIMIZER,
    BAD_SAMPLING,
    NO_MEMORY,
    INTERRUPTED,
};

inline const char *const MESSAGES[] = {
    "no error",
    "code: of another version, or not for this precision",
    "precision: not one that this build has instructions for",
    "layers: must be from 1 to 64",
    "hidden: must be from 1 to 65536",
    "vocabulary: must be from 1 to 16777216",
    "embedding: must be from 0 (one-hot) to 65536",
    "parameters: a tensor lies outside",
    "count: must be at least 1",
    "threads: must be from 1 to 1024",
    "rows: must be from 1 to 16777216",
    "steps: must be from 1 to 16777216",
    "starts, ends: each row must end where it begins or at most `steps` later, with a token before and behind its end",
    "ids: a token is not in the vocabulary",
    "a pointer is null that must not be",
    "kind: no such optimizer, or its memory is missing",
    "sampling: temperature must be finite and at least 0, top_p in (0, 1], min_p in [0, 1], penalty above 0, top_k at least 0",
    "out of memory",
    "interrupted",
};

inline bool has(int precision) {
#if defined(GATELAB_HAS_BF16)
    if (precision == GATELAB_BF16) return true;
#endif
    return precision == GATELAB_FP32;
}

inline bool inside(int64_t at, int64_t length, const GatelabShape &shape) {
    return at >= 0 && length >= 0 && at <= shape.parameters && length <= shape.parameters - at;
}

// Rows of a letter, each as far from the one before it.
inline bool letter_fits(const GatelabShape &shape, GatelabPlace place, int kind, int64_t inputs) {
    const int64_t rows = kind == GATELAB_INPUT_MATRIX ? inputs : kind == GATELAB_MATRIX ? shape.hidden : 1;
    const int64_t columns = kind == GATELAB_SCALAR ? 1 : shape.hidden;
    if (rows == 1) return inside(place.at, columns, shape);
    return place.stride >= columns && place.stride <= shape.parameters / (rows - 1) &&
           inside(place.at, (rows - 1) * place.stride + columns, shape);
}

inline bool layer_fits(const GatelabShape &shape, int l) {
    const GatelabLayer &at = shape.layer[l];
    const int64_t inputs = l ? shape.hidden : shape.embedding ? shape.embedding : shape.vocabulary;
    for (int i = 0; i < shape.code->letters; i++)
        if (!letter_fits(shape, at.letter[i], shape.code->letter[i], inputs)) return false;
    return true;
}

inline Error check(const GatelabCode &code, int precision) {
    if (code.abi != GATELAB_ABI || code.size != size_of_code()) return BAD_CODE;
    if (code.states < 1 || code.states > GATELAB_MAX_STATES || code.letters < 1 || code.letters > GATELAB_MAX_LETTERS)
        return BAD_CODE;
    return code.functions[precision][0] && code.functions[precision][1] ? OK : BAD_CODE;
}

inline Error check(const GatelabShape &s) {
    if (!s.code) return NULL_POINTER;
    if (!has(s.precision)) return BAD_PRECISION;
    if (Error error = check(*s.code, s.precision)) return error;
    if (s.layers < 1 || s.layers > GATELAB_MAX_LAYERS) return BAD_LAYERS;
    if (s.hidden < 1 || s.hidden > 65536) return BAD_HIDDEN;
    if (s.vocabulary < 1 || s.vocabulary > 1 << 24) return BAD_VOCABULARY;
    if (s.embedding < 0 || s.embedding > 65536) return BAD_EMBEDDING;
    const int64_t hidden = s.hidden, vocabulary = s.vocabulary;
    if (!inside(s.head_at, hidden * vocabulary, s) || !inside(s.head_bias_at, vocabulary, s)) return BAD_PARAMETERS;
    if (s.embedding && !inside(s.embedding_at, vocabulary * s.embedding, s)) return BAD_PARAMETERS;
    for (int l = 0; l < s.layers; l++)
        if (!layer_fits(s, l)) return BAD_PARAMETERS;
    return OK;
}

inline Error check(const GatelabShape &shape, const GatelabMember &m) {
    if (!m.ids || !m.starts || !m.ends || !m.parameters) return NULL_POINTER;
    if (m.rows < 1 || m.rows > 1 << 24) return BAD_ROWS;
    if (m.steps < 1 || m.steps > 1 << 24) return BAD_STEPS;
    for (int64_t row = 0; row < m.rows; row++) {
        const int64_t start = m.starts[row], end = m.ends[row];
        if (start < 0 || end < start || end < 1 || end - start > m.steps || end >= m.length) return BAD_WINDOW;
        for (int64_t at = end > start ? start : end - 1; at <= end; at++)
            if (m.ids[at] < 0 || m.ids[at] >= shape.vocabulary) return BAD_TOKEN;
    }
    return OK;
}

// NaN fails every comparison.
inline Error check(const GatelabShape &shape, const GatelabStream &s) {
    if (!s.state || !s.tokens || (s.temperature != 0 && !s.uniforms)) return NULL_POINTER;
    if (s.token < 0 || s.token >= shape.vocabulary) return BAD_TOKEN;
    const bool good = s.temperature >= 0 && s.temperature < 1e30 && s.top_p > 0 && s.top_p <= 1 && s.min_p >= 0 &&
                      s.min_p <= 1 && s.penalty > 0 && s.penalty < 1e30 && s.top_k >= 0;
    return good ? OK : BAD_SAMPLING;
}

inline Error check(const GatelabUpdate &u) {
    if (u.kind < GATELAB_SGD || u.kind > GATELAB_RMSPROP) return BAD_OPTIMIZER;
    if (!u.parameters || !u.gradient) return NULL_POINTER;
    const bool momentum = u.kind == GATELAB_SGD || u.kind == GATELAB_RMSPROP;
    if (momentum ? (u.momentum != 0 && !u.first) : !u.first) return BAD_OPTIMIZER;
    if (u.kind != GATELAB_SGD && !u.second) return BAD_OPTIMIZER;
    return OK;
}

}  // namespace gatelab
