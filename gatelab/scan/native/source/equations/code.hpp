// The table of a cell's functions, which its library exports.
#pragma once

#include "../known.hpp"
#include "../layer_functions.hpp"
#include "language.hpp"
#include "layer.hpp"
#include "packing.hpp"

namespace gatelab {

template <class Cell, bool TABLE, class P>
const void *functions_of_written() {
    static constexpr LayerFunctions functions =
        functions_of<WrittenLayer<Cell, TABLE, P>, WrittenPacking<Cell, TABLE, P>>(Cell::states);
    return &functions;
}

// What this source is compiled for.
#if defined(GATELAB_BRAIN)
using Wanted = Brain;
constexpr int WANTED = GATELAB_BF16;
#else
using Wanted = Single;
constexpr int WANTED = GATELAB_FP32;
#endif

template <class Cell, class P, int PRECISION>
const GatelabCode *code_of() {
    static const GatelabCode code = [] {
        GatelabCode made{};
        made.abi = GATELAB_ABI, made.size = size_of_code();
        made.states = Cell::states, made.letters = Cell::letters;
        for (int i = 0; i < Cell::letters; i++) made.letter[i] = static_cast<uint8_t>(Cell::kind[i]);
        made.functions[PRECISION][0] = functions_of_written<Cell, true, P>();
        made.functions[PRECISION][1] = functions_of_written<Cell, false, P>();
        return made;
    }();
    return &code;
}

}  // namespace gatelab
