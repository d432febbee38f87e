// Where a layer's tensors are in flat parameters.
#pragma once

#include "engine.h"

namespace gatelab {

// A layer's tensors in the flat parameters or in their gradient.
template <class Float>
struct LayerTensors {
    Float *input, *bias, *gates, *candidate, *candidate_bias;
    Float *flat;
    const GatelabPlace *places;

    LayerTensors(Float *flat, const GatelabLayer &at)
        : input(tensor(flat, at.input)), bias(tensor(flat, at.bias)), gates(tensor(flat, at.gates)),
          candidate(tensor(flat, at.candidate)), candidate_bias(tensor(flat, at.candidate_bias)), flat(flat), places(at.letter) {}

    // A row of a letter of equations.
    Float *row(int letter, int64_t number) const { return flat + places[letter].at + number * places[letter].stride; }

  private:
    static Float *tensor(Float *flat, int64_t at) { return at < 0 ? nullptr : flat + at; }
};

}  // namespace gatelab
