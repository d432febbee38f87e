// Means over the units of a layer, which are taken between two phases.
#pragma once

#include "../layout.hpp"

namespace gatelab {

// Whether a phase ends with one of `count` means, whose phases these are.
constexpr bool ends_with_means(int phase, const int *phases, int count) {
    for (int m = 0; m < count; m++)
        if (phases[m] == phase) return true;
    return false;
}

// The means at the end of a phase, [row][mean], of what all units have stored, [row][mean][padded]. They are added up in
// one order, whoever computes them; units that only fill a vector have stored 0.
inline void take_means(int phase, const int *phases, int count, const LayerSize &size, int64_t rows, const float *from,
                       float *to) {
    for (int64_t row = 0; row < rows; row++)
        for (int m = 0; m < count; m++) {
            if (phases[m] != phase) continue;
            const float *units = from + (row * count + m) * size.padded;
            Vector total{};
            for (int64_t j = 0; j < size.groups; j++) total += load(units + j * LANES);
            to[row * count + m] = sum(total) / static_cast<float>(size.hidden);
        }
}

}  // namespace gatelab
