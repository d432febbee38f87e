// What the model calls of a layer, whatever its cell: the one place where a kind becomes a type.
#pragma once

#include "layout.hpp"
#include "memory.hpp"
#include "part.hpp"
#include "tensors.hpp"

namespace gatelab {

struct LayerFunctions {
    int states;
    LayerWeights (*lay_out)(const LayerSize &, Arena &);
    LayerTransposed (*lay_out_transposed)(const LayerSize &, Arena &);
    LayerWork (*lay_out_work)(const LayerSize &, int64_t rows, int64_t steps, bool train, Arena &);
    // Without, with what the way back needs.
    void (*forward[2])(const LayerSize &, const LayerWeights &, const Tile &, const float *x, const LayerWork &, const Part &);
    void (*backward)(const LayerSize &, const LayerTransposed &, const LayerWeights &gradient, const Tile &, const float *x,
                     const float *d_out, float *d_x, const LayerWork &);
    // `embedding`: of a table whose tokens enter as learned vectors; `scratch`: room for the panels of its weights.
    void (*pack)(const LayerSize &, LayerTensors<const float>, const float *embedding, int64_t width, float *scratch,
                 const LayerWeights &, const LayerTransposed *);
    void (*unpack)(const LayerSize &, const LayerWeights &gradient, const float *embedding, int64_t width,
                   LayerTensors<const float> weights, float *scratch, LayerTensors<float>, float *d_embedding);
    // Room that `pack` and `unpack` need beside the weights, for an embedding of this width.
    int64_t (*scratch)(const LayerSize &, int64_t width);
};

template <class L, class P>
constexpr LayerFunctions functions_of(int states) {
    return {states,
            &L::lay_out,
            &L::lay_out_transposed,
            &L::lay_out_work,
            {&L::template forward<false>, &L::template forward<true>},
            &L::backward,
            &P::pack,
            &P::unpack,
            &P::scratch};
}

// Changes where a library of a cell and this one would misunderstand each other.
constexpr int32_t size_of_code() {
    return sizeof(GatelabCode) + sizeof(LayerFunctions) + sizeof(LayerWeights) + sizeof(LayerTransposed) +
           sizeof(LayerWork) + sizeof(LayerSize) + sizeof(Tile) + LANES;
}

}  // namespace gatelab
