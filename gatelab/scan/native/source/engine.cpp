// The C interface.
#include "engine.h"

#include <mutex>
#include <new>

#include "checks.hpp"
#include "decoder.hpp"
#include "known.hpp"
#include "optimizer.hpp"

using namespace gatelab;

int gatelab_read(const GatelabShape *shape, GatelabMember *members, int32_t count, int32_t threads,
                 const int32_t *interrupted) {
    if (!shape || !members) return NULL_POINTER;
    if (count < 1) return BAD_COUNT;
    if (threads < 1 || threads > 1024) return BAD_THREADS;
    if (Error error = check(*shape)) return error;
    for (int i = 0; i < count; i++)
        if (Error error = check(*shape, members[i])) return error;
    try {
        std::lock_guard<std::mutex> lock(one_at_a_time());
        if (!Call(*shape, members, count, interrupted).run(workspace(), threads)) return INTERRUPTED;
    } catch (const std::bad_alloc &) {
        return NO_MEMORY;
    }
    return OK;
}

int gatelab_update(GatelabUpdate *updates, int32_t count) {
    if (!updates) return NULL_POINTER;
    for (int i = 0; i < count; i++)
        if (Error error = check(updates[i])) return error;
    FlushDenormals flush;
    for (int i = 0; i < count; i++) Update::apply(updates[i]);
    return OK;
}

int gatelab_decoder_new(const GatelabShape *shape, const float *parameters, int32_t forbidden, GatelabDecoder **decoder) {
    if (!shape || !parameters || !decoder) return NULL_POINTER;
    if (Error error = check(*shape)) return error;
    if (forbidden < 0 || forbidden >= shape->vocabulary) return BAD_VOCABULARY;
    try {
        *decoder = new GatelabDecoder(*shape, parameters, forbidden);
    } catch (const std::bad_alloc &) {
        return NO_MEMORY;
    }
    return OK;
}

void gatelab_decoder_free(GatelabDecoder *decoder) { delete decoder; }

int64_t gatelab_decoder_bytes(const GatelabDecoder *decoder) { return decoder ? decoder->bytes() : 0; }

static Error check(const GatelabTexts &texts) {
    if (!texts.decoder || !texts.streams) return NULL_POINTER;
    if (texts.count < 1) return BAD_COUNT;
    for (int i = 0; i < texts.count; i++)
        if (Error error = check(texts.decoder->shape(), texts.streams[i])) return error;
    return OK;
}

int gatelab_decode(const GatelabTexts *texts, int32_t models, int32_t steps, int32_t threads) {
    if (!texts) return NULL_POINTER;
    if (models < 1) return BAD_COUNT;
    if (steps < 1 || steps > 1 << 24) return BAD_STEPS;
    if (threads < 1 || threads > 1024) return BAD_THREADS;
    for (int i = 0; i < models; i++)
        if (Error error = check(texts[i])) return error;
    try {
        decode(texts, models, steps, threads);
    } catch (const std::bad_alloc &) {
        return NO_MEMORY;
    }
    return OK;
}

const char *gatelab_explain(int error) {
    return error >= 0 && error <= INTERRUPTED ? MESSAGES[error] : "no such error";
}

int32_t gatelab_abi(void) { return GATELAB_ABI; }

int32_t gatelab_has(int32_t precision) { return has(precision); }

const char *gatelab_digest(int32_t number) { return digest_of_known(number); }

const GatelabCode *gatelab_known(int32_t number, int32_t precision) {
#if defined(GATELAB_HAS_BF16)
    if (precision == GATELAB_BF16) return known<Brain>(number);
#endif
    return precision == GATELAB_FP32 ? known<Single>(number) : nullptr;
}
