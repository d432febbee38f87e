/* The native engine's interface: plain C, no state between calls, every size checked before anything is touched.

A call works on one or more members: models of equal shape, each with its own parameters and text. What is computed for
a member depends neither on who is beside it nor on the number of threads, to the last bit. */
#ifndef GATELAB_ENGINE_H
#define GATELAB_ENGINE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GATELAB_API __attribute__((visibility("default")))

#define GATELAB_ABI 9
#define GATELAB_MAX_LAYERS 64
#define GATELAB_MAX_STATES 8
#define GATELAB_MAX_LETTERS 64

/* Of the operands of all products but those of an embedding with the first layer's weights. What is added up, the state
   and the parameters are always single precision. */
enum GatelabPrecision { GATELAB_FP32, GATELAB_BF16 };

/* What a letter of a cell's equations stands for: (inputs, hidden), (hidden, hidden), (hidden) or one number. */
enum GatelabLetter { GATELAB_INPUT_MATRIX, GATELAB_MATRIX, GATELAB_VECTOR, GATELAB_SCALAR };

/* The code of a cell, which was made of its equations: in this library, or in one of its own. */
typedef struct {
    int32_t abi;     /* GATELAB_ABI */
    int32_t size;    /* of this struct and of those that its functions take */
    int32_t states;  /* 1 .. GATELAB_MAX_STATES */
    int32_t letters; /* 1 .. GATELAB_MAX_LETTERS */
    uint8_t letter[GATELAB_MAX_LETTERS]; /* GatelabLetter */
    const void *functions[2][2]; /* by GatelabPrecision: of a table, of other layers; NULL: not in this precision */
} GatelabCode;

/* Where a letter begins in the flat parameters, and how far apart its rows are. */
typedef struct {
    int64_t at, stride;
} GatelabPlace;

/* The letters of a layer, in the order of its code. */
typedef struct {
    GatelabPlace letter[GATELAB_MAX_LETTERS];
} GatelabLayer;

typedef struct {
    const GatelabCode *code;
    int32_t precision;  /* GatelabPrecision */
    int32_t layers;     /* 1 .. GATELAB_MAX_LAYERS */
    int32_t hidden;     /* units of a layer */
    int32_t vocabulary; /* number of token ids */
    int32_t embedding;  /* size of an embedding; 0: one-hot */
    int64_t parameters; /* length of the flat parameters */
    int64_t embedding_at, head_at, head_bias_at; /* (vocabulary, embedding), (hidden, vocabulary), (vocabulary) */
    GatelabLayer layer[GATELAB_MAX_LAYERS];
} GatelabShape;

/* One model's share of a call. Row r reads the tokens ids[starts[r]] .. ids[ends[r] - 1]; the target of each is the
   token after it. Rows that end before `steps` (at once, perhaps) go on with the token before their end, without a
   target. */
typedef struct {
    const int64_t *ids;
    const int64_t *starts, *ends; /* (rows) */
    int64_t length;               /* of ids */
    int32_t rows, steps;
    const float *parameters; /* (parameters) */
    float *gradient;         /* (parameters): of the mean loss over the targets; NULL: only read */
    const float *state_in;   /* (layers, tensors of the state, rows, hidden); NULL: zeros */
    float *state_out;        /* as state_in, after the last step; NULL: not wanted */
    const float *dropout;    /* (layers, steps, rows, hidden): factors of the layers' outputs; NULL: all 1 */
    float *outputs;          /* (steps, rows, hidden): outputs of the last layer; NULL: not wanted */
    double loss;             /* out: sum of the cross entropy over the targets, in nats */
    double square_norm;      /* out: of the gradient */
    int64_t tokens;          /* out: number of targets */
} GatelabMember;

enum GatelabOptimizer { GATELAB_SGD, GATELAB_ADAM, GATELAB_ADAMW, GATELAB_RMSPROP };

/* One step of an optimizer, as torch.optim takes it. */
typedef struct {
    int32_t kind;       /* GatelabOptimizer */
    int32_t nesterov;   /* of SGD: whether the momentum is Nesterov's */
    int64_t step;       /* how many steps were taken before */
    double lr, momentum, weight_decay, beta1, beta2, eps;
    double clip_norm;   /* bound of the gradient's norm; 0: none */
    double square_norm; /* of the gradient */
    float *parameters;
    const float *gradient;
    /* Momentum or the first moment of Adam, and the second moment: of RMSprop its only one, whose share that stays is
       beta2. NULL where the optimizer has none. */
    float *first, *second;
    int64_t length;
} GatelabUpdate;

/* A model that generates: its weights as the products read them. */
typedef struct GatelabDecoder GatelabDecoder;

/* A text that is generated, and how its next token is chosen: from the logits, after `seen` and `bias`, with temperature,
   top_k, top_p and min_p in this order. */
typedef struct {
    float *state;           /* (layers, tensors of the state, hidden): before `token`; out: before the new `token` */
    int64_t token;          /* the last one that is known, not yet read; out: the last one chosen */
    const double *uniforms; /* (steps) in [0, 1): what is looked up in the cumulative distribution */
    double temperature;     /* 0: the likeliest token, the first of equals */
    double top_p, min_p;    /* 1: all; 0: all */
    double penalty;         /* of tokens in `seen` (Keskar et al. 2019, arXiv:1909.05858); 1: none */
    int64_t top_k;          /* 0: all */
    const float *bias;      /* (vocabulary): added to the logits; NULL: nothing */
    uint8_t *seen;          /* (vocabulary): whether a token was in the text; kept up to date. NULL: not wanted */
    int64_t *tokens;        /* (steps), out: those chosen */
    float *logits;          /* (steps, vocabulary), out: those they were chosen from, before anything; NULL: not wanted */
    int64_t finite;         /* out: steps before the first whose logits or state are not finite; what is behind is not set */
} GatelabStream;

/* Texts of one model. */
typedef struct {
    const GatelabDecoder *decoder;
    GatelabStream *streams;
    int32_t count; /* of the streams */
} GatelabTexts;

/* All return 0, or a number that says which argument is wrong: see gatelab_explain. */
/* `interrupted`: read between tiles. Where it is no longer 0, the call ends early with an error, and what it was to put out
   is not set. NULL: nobody interrupts. */
GATELAB_API int gatelab_read(const GatelabShape *shape, GatelabMember *members, int32_t count, int32_t threads,
                             const int32_t *interrupted);
GATELAB_API int gatelab_update(GatelabUpdate *updates, int32_t count);
/* A decoder of these parameters, which are copied. `forbidden`: so many ids, from 0 on, are never chosen. */
GATELAB_API int gatelab_decoder_new(const GatelabShape *shape, const float *parameters, int32_t forbidden,
                                    GatelabDecoder **decoder);
GATELAB_API void gatelab_decoder_free(GatelabDecoder *decoder);
/* The bytes of memory that it takes. */
GATELAB_API int64_t gatelab_decoder_bytes(const GatelabDecoder *decoder);
/* Read a token and choose the next one, `steps` times, for each stream of each model. A stream's tokens depend neither on
   the streams and models beside it nor on the number of threads. Any number of threads may do so at once with one decoder. */
GATELAB_API int gatelab_decode(const GatelabTexts *texts, int32_t models, int32_t steps, int32_t threads);
GATELAB_API const char *gatelab_explain(int error);

/* Of a library of one cell: its code, for one precision. */
GATELAB_API const GatelabCode *gatelab_code(void);

/* The cells that are in this library, from 0 on: a digest of what one computes, and its code for a GatelabPrecision.
   NULL: there is none of this number, or not in this precision. */
GATELAB_API const char *gatelab_digest(int32_t number);
GATELAB_API const GatelabCode *gatelab_known(int32_t number, int32_t precision);

GATELAB_API int32_t gatelab_abi(void);
/* Whether this build can compute in a GatelabPrecision. */
GATELAB_API int32_t gatelab_has(int32_t precision);
/* For benchmarks: products and sums in registers on so many threads; floating point operations a second, or 0 where this
   build cannot compute in a GatelabPrecision. */
GATELAB_API double gatelab_peak(int32_t precision, int32_t threads, double seconds);

#ifdef __cplusplus
}
#endif
#endif
