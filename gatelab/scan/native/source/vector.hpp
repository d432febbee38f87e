// Vectors of floats, and the elementary functions of gated cells on them. One build for each instruction set.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#define GATELAB_INLINE inline __attribute__((always_inline))

namespace gatelab {

#if defined(__AVX512F__)
constexpr int LANES = 16;
constexpr int REGISTERS = 32;
#elif defined(__AVX2__)
// 64-byte vectors on 32-byte registers spill: each width has its own build.
constexpr int LANES = 8;
constexpr int REGISTERS = 16;
#else
constexpr int LANES = 4;
constexpr int REGISTERS = 32;
#endif

// aligned(4): loads and stores anywhere.
typedef float Vector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t Integers __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

GATELAB_INLINE Vector load(const float *from) { return *reinterpret_cast<const Vector *>(from); }
GATELAB_INLINE void store(float *to, Vector x) { *reinterpret_cast<Vector *>(to) = x; }
GATELAB_INLINE void add_to(float *to, Vector x) { store(to, load(to) + x); }

GATELAB_INLINE Vector broadcast(float x) {
#if defined(__AVX512F__)
    return (Vector)_mm512_set1_ps(x);
#elif defined(__AVX2__)
    return (Vector)_mm256_set1_ps(x);
#else
    return x - Vector{};  // x - 0 is x for every x: a plain broadcast
#endif
}

// NaN passes through: a run that diverged must show it.
GATELAB_INLINE Vector clamp(Vector x, float low, float high) {
#if defined(__AVX512F__)
    // Where one operand is NaN, the result is the second.
    return (Vector)_mm512_max_ps(_mm512_set1_ps(low), _mm512_min_ps(_mm512_set1_ps(high), (__m512)x));
#elif defined(__AVX2__)
    return (Vector)_mm256_max_ps(_mm256_set1_ps(low), _mm256_min_ps(_mm256_set1_ps(high), (__m256)x));
#else
    x = x < low ? broadcast(low) : x;
    return x > high ? broadcast(high) : x;
#endif
}

// Where one is NaN, the result is b: a NaN in a is lost, so that whoever compares must show it in another way.
GATELAB_INLINE Vector larger(Vector a, Vector b) { return a > b ? a : b; }

// NaN passes through.
GATELAB_INLINE Vector relu(Vector x) { return larger(Vector{}, x); }

// Whether many numbers are all finite, by their bits: it holds whatever the compiler assumes of floats.
class Finite {
  public:
    // `count`: of whole vectors.
    GATELAB_INLINE void add(const float *numbers, int64_t count) {
#pragma GCC unroll 4
        for (int64_t at = 0; at < count; at += LANES) add(load(numbers + at));
    }

#if defined(__AVX512F__)
    GATELAB_INLINE void add(Vector x) { bad_ |= _mm512_fpclass_ps_mask((__m512)x, 0x99); }  // NaN of both kinds, infinities
    GATELAB_INLINE bool all() const { return !bad_; }

  private:
    __mmask16 bad_ = 0;
#else
    GATELAB_INLINE void add(Vector x) { bad_ |= ((Integers)x & EXPONENT) == EXPONENT; }

    GATELAB_INLINE bool all() const {
#if defined(__AVX2__)
        return !_mm256_movemask_epi8((__m256i)bad_);
#else
        int32_t bad = 0;
        for (int i = 0; i < LANES; i++) bad |= bad_[i];
        return !bad;
#endif
    }

  private:
    static constexpr int32_t EXPONENT = 0x7f800000;  // all of its bits: infinite, or not a number
    Integers bad_ = {};
#endif
};

GATELAB_INLINE float sum(Vector x) {
#if defined(__AVX512F__)
    return _mm512_reduce_add_ps((__m512)x);
#else
    float total = 0;
    for (int i = 0; i < LANES; i++) total += x[i];
    return total;
#endif
}

GATELAB_INLINE float largest(Vector x) {
#if defined(__AVX512F__)
    return _mm512_reduce_max_ps((__m512)x);
#else
    float most = x[0];
    for (int i = 1; i < LANES; i++) most = x[i] > most ? x[i] : most;
    return most;
#endif
}

// The first lane that is equal to `x`; LANES if none is.
GATELAB_INLINE int first_equal(Vector lanes, float x) {
#if defined(__AVX512F__)
    return __builtin_ctz(1u << LANES | _mm512_cmpeq_ps_mask((__m512)lanes, _mm512_set1_ps(x)));
#elif defined(__AVX2__)
    const int equal = _mm256_movemask_ps(_mm256_cmp_ps((__m256)lanes, _mm256_set1_ps(x), _CMP_EQ_OQ));
    return __builtin_ctz(1u << LANES | static_cast<unsigned>(equal));
#else
    int at = 0;
    while (at < LANES && lanes[at] != x) at++;
    return at;
#endif
}

GATELAB_INLINE Vector reciprocal(Vector x) {
#if defined(__AVX512F__)
    // A division has a quarter of the throughput. One step of Newton from 14 bits gives all but the last.
    Vector y = (Vector)_mm512_rcp14_ps((__m512)x);
    return y * (2.0f - x * y);
#else
    return 1.0f / x;
#endif
}

// e^x = 2^n * (1 + r + r^2 * ...), with n the integer nearest to x / ln 2 and r what is left of x.
struct Exponent {
    Vector r;
    Integers n_bits;  // n, where a float has its exponent

    GATELAB_INLINE Exponent(Vector x, Vector x_per_ln2) {
        const float magic = 12582912.0f;  // 1.5 * 2^23: behind the point of a number so large there are no bits
        Vector shifted = x_per_ln2 + magic;
        r = x - (shifted - magic) * 0.693147181f;
        n_bits = (Integers)shifted << 23;
    }

    // 2^n, for n from -126 to 127. Added to the bits of 1 and not to those of what is scaled, which may be those of NaN.
    GATELAB_INLINE Vector scale() const { return (Vector)((Integers)broadcast(1.0f) + n_bits); }

    // (e^r - 1) / r: the polynomial of the Cephes library (expf, S. Moshier)
    GATELAB_INLINE Vector slope() const {
        Vector p = r * 1.9875691500e-4f + 1.3981999507e-3f;
        p = p * r + 8.3334519073e-3f;
        p = p * r + 4.1665795894e-2f;
        p = p * r + 1.6666665459e-1f;
        p = p * r + 5.0000001201e-1f;
        return p * r + 1.0f;
    }
};

// From -87 to 87; beyond that, as at the bounds.
GATELAB_INLINE Vector exp(Vector x) {
    x = clamp(x, -87.0f, 87.0f);
    Exponent e(x, x * 1.44269504f);
    return e.scale() * (e.slope() * e.r + 1.0f);
}

// From -88 on, where it is so small that it is flushed to 0: a gate that is shut by infinity is shut.
GATELAB_INLINE Vector sigmoid(Vector x) {
    x = clamp(x, -88.0f, 87.0f);
    Exponent e(-x, x * -1.44269504f);
    return reciprocal(e.scale() * (e.slope() * e.r + 1.0f) + 1.0f);
}

// (e^2x - 1) / (e^2x + 1), with e^2x - 1 = 2^n * (e^r - 1) + (2^n - 1): near 0 nothing cancels. Beyond 10 it is 1.
GATELAB_INLINE Vector tanh(Vector x) {
    x = clamp(x, -10.0f, 10.0f);
    Exponent e(x + x, x * 2.88539008f);
    Vector scale = e.scale();
    Vector minus_1 = scale * (e.slope() * e.r) + (scale - 1.0f);
    return minus_1 * reciprocal(minus_1 + 2.0f);
}

}  // namespace gatelab
