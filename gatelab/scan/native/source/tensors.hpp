// Where a layer's tensors are in flat parameters.
#pragma once

#include "engine.h"

namespace gatelab {

// A layer's letters in the flat parameters or in their gradient.
template <class Float>
struct LayerTensors {
    Float *flat;
    const GatelabPlace *places;

    LayerTensors(Float *flat, const GatelabLayer &at) : flat(flat), places(at.letter) {}

    // A row of a letter.
    Float *row(int letter, int64_t number) const { return flat + places[letter].at + number * places[letter].stride; }
};

}  // namespace gatelab
