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

// Comparisons with NaN are false, so that NaN passes through: a run that diverged must show it.
GATELAB_INLINE Vector clamp(Vector x, float low, float high) {
    x = x < low ? broadcast(low) : x;
    return x > high ? broadcast(high) : x;
}

GATELAB_INLINE Vector larger(Vector a, Vector b) { return a > b ? a : b; }

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

// The nearest integer, for |x| < 2^22.
GATELAB_INLINE Vector nearest(Vector x) {
#if defined(__AVX512F__)
    return (Vector)_mm512_roundscale_ps((__m512)x, 0);
#else
    const float magic = 12582912.0f;  // 1.5 * 2^23: adding it leaves no bits behind the point
    return (x + magic) - magic;
#endif
}

// x * 2^n for integer n of magnitude below 127.
GATELAB_INLINE Vector scaled(Vector x, Vector n) {
#if defined(__AVX512F__)
    return (Vector)_mm512_scalef_ps((__m512)x, (__m512)n);
#else
    return x * (Vector)((__builtin_convertvector(n, Integers) + 127) << 23);
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

// e^x - 1 = scale * fraction + (scale - 1), with scale = 2^n: near 0 nothing cancels.
struct Exponential {
    Vector fraction, n;
};

// Polynomial and range reduction of the Cephes library (expf, S. Moshier).
GATELAB_INLINE Exponential exponential(Vector x) {
    Vector n = nearest(x * 1.44269504f);
    Vector r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    Vector p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    return {p * (r * r) + r, n};
}

GATELAB_INLINE Vector exp(Vector x) {
    Exponential e = exponential(clamp(x, -87.0f, 88.0f));
    return scaled(e.fraction + 1.0f, e.n);
}

GATELAB_INLINE Vector sigmoid(Vector x) { return reciprocal(1.0f + exp(-x)); }

// (e^2x - 1) / (e^2x + 1). Beyond 10 it is 1 in single precision.
GATELAB_INLINE Vector tanh(Vector x) {
    Exponential e = exponential(clamp(x + x, -20.0f, 20.0f));
    Vector scale = scaled(broadcast(1.0f), e.n);
    Vector minus_1 = scale * e.fraction + (scale - 1.0f);
    return minus_1 * reciprocal(minus_1 + 2.0f);
}

}  // namespace gatelab
