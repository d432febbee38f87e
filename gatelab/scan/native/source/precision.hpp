// The precisions in which products take their operands. Sums are single precision in each.
//
// An operand lies in slots of four bytes: a number in single precision, or two neighbours along the summed dimension in
// bfloat16. With half as many slots, the same loops compute either.
#pragma once

#include "vector.hpp"

namespace gatelab {

struct Single {
    // How many slots `count` numbers take, neighbours along the summed dimension.
    static constexpr int64_t slots(int64_t count) { return count; }
    // How much room is needed for a copy of operands that lie in so many numbers.
    static constexpr int64_t room(int64_t) { return 0; }

    GATELAB_INLINE static Vector add_product(Vector sum, Vector a, Vector b) { return sum + a * b; }

    // `count` numbers of rows along which is summed, as slots: in `room`, or where they are.
    static const float *along_rows(const float *from, int64_t, float *) { return from; }
    // A matrix along whose columns is summed.
    static const float *along_columns(const float *from, int64_t, int64_t, float *) { return from; }
};

#if defined(__AVX512BF16__)
#define GATELAB_HAS_BF16 1

// bfloat16: the upper half of a float, rounded to the nearest, ties to even. Products of two are exact, denormals are 0.
struct Brain {
    static constexpr int64_t slots(int64_t count) { return (count + 1) / 2; }
    static constexpr int64_t room(int64_t count) { return slots(count); }

    GATELAB_INLINE static Vector add_product(Vector sum, Vector a, Vector b) {
        return (Vector)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
    }

    // `count`: whole vectors.
    static const float *along_rows(const float *from, int64_t count, float *room) {
        for (int64_t i = 0; i < count; i += LANES)
            _mm256_storeu_si256(reinterpret_cast<__m256i *>(room + i / 2), rounded(from + i));
        return room;
    }

    // (rows, columns) to (slots(rows), columns), perhaps in place; `columns`: whole vectors.
    static const float *along_columns(const float *from, int64_t rows, int64_t columns, float *room) {
        for (int64_t row = 0; row < rows; row += 2)
            for (int64_t i = 0; i < columns; i += LANES) {
                const float *x = from + row * columns + i;
                __m512i pairs = _mm512_cvtepu16_epi32(rounded(x));
                if (row + 1 < rows) {
                    const __m512i odd = _mm512_cvtepu16_epi32(rounded(x + columns));
                    pairs = _mm512_or_si512(pairs, _mm512_slli_epi32(odd, 16));
                }
                store(room + row / 2 * columns + i, (Vector)pairs);
            }
        return room;
    }

  private:
    GATELAB_INLINE static __m256i rounded(const float *x) { return (__m256i)_mm512_cvtneps_pbh((__m512)load(x)); }
};
#endif

}  // namespace gatelab
