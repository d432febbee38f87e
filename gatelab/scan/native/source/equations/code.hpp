// The table of a cell's functions, which its library exports.
#pragma once

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

template <class Cell>
const GatelabCode *code_of() {
    static const GatelabCode code = [] {
        GatelabCode made{};
        made.abi = GATELAB_ABI, made.size = size_of_code();
        made.states = Cell::states, made.letters = Cell::letters;
        for (int i = 0; i < Cell::letters; i++) made.letter[i] = static_cast<uint8_t>(Cell::kind[i]);
#if defined(GATELAB_BRAIN)
        made.functions[GATELAB_BF16][0] = functions_of_written<Cell, true, Brain>();
        made.functions[GATELAB_BF16][1] = functions_of_written<Cell, false, Brain>();
#else
        made.functions[GATELAB_FP32][0] = functions_of_written<Cell, true, Single>();
        made.functions[GATELAB_FP32][1] = functions_of_written<Cell, false, Single>();
#endif
        return made;
    }();
    return &code;
}

}  // namespace gatelab
