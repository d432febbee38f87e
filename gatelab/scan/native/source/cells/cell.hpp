// What a cell tells the scan: how its products are laid out, and its pointwise equations.
//
// A cell has one stage or two. A stage is one recurrent product with what follows it pointwise; the second stage is for
// cells whose candidate needs the activated gates before its product. Of each stage and hidden unit, `width` sums are
// kept in registers: the first `recurrent` of them take part in the recurrent product, those from `input_first` on in
// the input's. They differ only where the two products must stay apart.
#pragma once

#include "../vector.hpp"

namespace gatelab {

// Where the weights of one sum of the recurrent product are: a block of columns of `gates`, or `candidate`.
struct Source {
    bool candidate;
    int block;
};

template <int WIDTH, int RECURRENT, int INPUT_FIRST, int INPUT_BLOCK>
struct Stage {
    static constexpr int width = WIDTH, recurrent = RECURRENT;
    static constexpr int input_first = INPUT_FIRST, input = WIDTH - INPUT_FIRST;
    static constexpr int input_block = INPUT_BLOCK;  // of the input's weights: the block of the first sum
};

}  // namespace gatelab
