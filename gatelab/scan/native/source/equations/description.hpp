// What a cell that was written as equations tells the scan, beside its operations on single units.
//
// A sum is what is added up in registers. A phase is the sums that can be computed at once, in chunks of up to four,
// with the operations that follow them. The operands of its products are states, or what an earlier phase computed.
// Letters are the parameters of the equations, by their numbers.
#pragma once

#include <type_traits>
#include <utility>

#include "../vector.hpp"

// Of a lambda: in an optimizer's eyes its variables are those around it.
#define GATELAB_ALWAYS __attribute__((always_inline))

namespace gatelab {

constexpr int WIDEST = 4;  // sums of a chunk

template <int NUMBER>
using Phase = std::integral_constant<int, NUMBER>;

// The first `recurrent` of `width` sums have a recurrent product, those from `input_first` on one with the input.
struct Chunk {
    int phase, width, recurrent, input_first;

    constexpr int inputs() const { return width - input_first; }
};

// The products of an operand with neighbouring sums of a chunk.
struct Run {
    int chunk, operand, first, count;
    int letters[WIDEST];
};

// What matrices multiply: a state before or after the step, or what a phase computed.
struct Operand {
    enum Kind { BEFORE, AFTER, COMPUTED } kind;
    int index;  // of the state, or among those that are computed
    int phase;
};

template <class Body, int... AT>
GATELAB_INLINE void for_all(Body &&body, std::integer_sequence<int, AT...>) {
    (body(std::integral_constant<int, AT>{}), ...);
}

// Call body(integral constant) for 0 .. COUNT - 1.
template <int COUNT, class Body>
GATELAB_INLINE void for_each(Body &&body) {
    for_all(body, std::make_integer_sequence<int, COUNT>{});
}

// What follows from the description of a Cell.
template <class Cell>
struct Facts {
    // Sums of the chunks before this one in its phase.
    static constexpr int begin(int chunk) {
        int sums = 0;
        for (int c = 0; c < chunk; c++) sums += Cell::chunk[c].phase == Cell::chunk[chunk].phase ? Cell::chunk[c].width : 0;
        return sums;
    }

    static constexpr int sums(int phase) {
        int sums = 0;
        for (int c = 0; c < Cell::chunks; c++) sums += Cell::chunk[c].phase == phase ? Cell::chunk[c].width : 0;
        return sums;
    }

    // Sums of a unit that a phase keeps in registers: of a table, those with a recurrent product.
    static constexpr int in_registers(int phase, bool table) {
        int most = 0;
        for (int c = 0; c < Cell::chunks; c++) {
            const int here = table ? Cell::chunk[c].recurrent : Cell::chunk[c].width;
            if (Cell::chunk[c].phase == phase && here > most) most = here;
        }
        return most;
    }

    // The phase whose products first take an operand, on the way forward or on the way back.
    static constexpr int first_phase(int operand, bool forward) {
        int found = forward ? Cell::phases : -1;
        for (int r = 0; r < Cell::runs; r++) {
            const int phase = Cell::chunk[Cell::run[r].chunk].phase;
            if (Cell::run[r].operand == operand && (forward ? phase < found : phase > found)) found = phase;
        }
        return found;
    }

    // Whether no run before this one gives to the gradient of its operand, on the way back.
    static constexpr bool begins(int run) {
        const int operand = Cell::run[run].operand, phase = Cell::chunk[Cell::run[run].chunk].phase;
        if (phase != first_phase(operand, false)) return false;
        for (int r = 0; r < run; r++)
            if (Cell::run[r].operand == operand && Cell::chunk[Cell::run[r].chunk].phase == phase) return false;
        return true;
    }

    // Whether no chunk before this one gives to the gradient of the input.
    static constexpr bool begins_input(int chunk) {
        for (int c = 0; c < chunk; c++)
            if (Cell::chunk[c].inputs()) return false;
        return true;
    }
};

}  // namespace gatelab
