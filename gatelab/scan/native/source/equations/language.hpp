// The functions of the language of equations, and what their derivatives need, as PyTorch defines them: also at ties
// and bounds, and for numbers that are infinite or none.
#pragma once

#include <cmath>

#include "../vector.hpp"

// Of long functions that few cells call: what a compiler has to do for them, it does once.
#define GATELAB_APART inline __attribute__((noinline))

namespace gatelab::language {

using gatelab::relu;
using gatelab::sigmoid;
using gatelab::tanh;

GATELAB_INLINE Vector select(Integers where, Vector a, Vector b) { return where ? a : b; }
GATELAB_INLINE Integers not_a_number(Vector x) { return x != x; }
GATELAB_INLINE Vector infinity() { return broadcast(__builtin_inff()); }
GATELAB_INLINE Vector nan() { return broadcast(__builtin_nanf("")); }

GATELAB_INLINE Vector abs(Vector x) { return (Vector)((Integers)x & 0x7fffffff); }
GATELAB_INLINE Vector sign(Vector x) { return select(x > 0.0f, broadcast(1.0f), select(x < 0.0f, broadcast(-1.0f), Vector{})); }

GATELAB_INLINE Vector max(Vector a, Vector b) { return select((a > b) | not_a_number(a), a, b); }
GATELAB_INLINE Vector min(Vector a, Vector b) { return select((a < b) | not_a_number(a), a, b); }

GATELAB_INLINE Vector hard_sigmoid(Vector x) { return clamp(x + 3.0f, 0.0f, 6.0f) * (1.0f / 6.0f); }
GATELAB_INLINE Vector hard_tanh(Vector x) { return clamp(x, -1.0f, 1.0f); }

// Gradients that pass, or do not: see gatelab/equations/derivatives.py.
GATELAB_INLINE Vector where_positive(Vector a, Vector g) { return select(a <= 0.0f, Vector{}, g); }
GATELAB_INLINE Vector where_within(Vector a, Vector g, float bound) { return select(abs(a) >= bound, Vector{}, g); }
GATELAB_INLINE Vector where_larger(Vector a, Vector b, Vector g) {
    return select(a < b, Vector{}, select(a == b, g * 0.5f, g));
}

GATELAB_INLINE Vector sqrt(Vector x) {
#if defined(__AVX512F__)
    return (Vector)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX2__)
    return (Vector)_mm256_sqrt_ps((__m256)x);
#else
    for (int i = 0; i < LANES; i++) x[i] = std::sqrt(x[i]);
    return x;
#endif
}

// e^x over the whole range: infinite from 88.73 on, and 0 below -87.34, where it is not a normal number any more.
GATELAB_INLINE Vector exp(Vector x) {
    Vector in = clamp(x, -88.0f, 89.0f);
    const float magic = 12582912.0f;  // as in Exponent
    Vector shifted = in * 1.44269504f + magic, n = shifted - magic;
    Exponent e(Vector{}, Vector{});
    e.r = (in - n * 0.693359375f) - n * -2.12194440e-4f;
    // 2^n in two factors: alone it may be beyond the largest number, and the result not.
    Integers whole = (Integers)shifted - (Integers)broadcast(magic), half = whole >> 1;
    Vector low = (Vector)((Integers)broadcast(1.0f) + (half << 23));
    Vector high = (Vector)((Integers)broadcast(1.0f) + ((whole - half) << 23));
    Vector y = (e.slope() * e.r + 1.0f) * low * high;
    y = select(x > 88.7228394f, infinity(), y);
    return select(x < -87.3365448f, Vector{}, y);
}

// The logarithm of a positive normal number, by the polynomial of the Cephes library (logf, S. Moshier).
GATELAB_INLINE Vector log_of_normal(Vector x) {
    Integers bits = (Integers)x - 0x3f3504f3;  // the root of 1/2: mantissas from there to its double
    Integers n = bits >> 23;
    Vector f = (Vector)((bits & 0x007fffff) + 0x3f3504f3) - 1.0f, e = __builtin_convertvector(n, Vector), z = f * f;
    Vector p = f * 7.0376836292e-2f - 1.1514610310e-1f;
    p = p * f + 1.1676998740e-1f;
    p = p * f - 1.2420140846e-1f;
    p = p * f + 1.4249322787e-1f;
    p = p * f - 1.6668057665e-1f;
    p = p * f + 2.0000714765e-1f;
    p = p * f - 2.4999993993e-1f;
    p = p * f + 3.3333331174e-1f;
    p = p * f * z + e * -2.12194440e-4f;
    return (p - z * 0.5f) + f + e * 0.693359375f;
}

GATELAB_APART Vector log(Vector x) {
    Vector y = log_of_normal(x);
    y = select(x < 1.17549435e-38f, -infinity(), y);  // 0, and what counts as it
    y = select(x < 0.0f, nan(), y);
    return select((x == infinity()) | not_a_number(x), x, y);
}

// log(1 + u) for u from 0 to 1: what is lost where 1 is added is put back.
GATELAB_INLINE Vector log1p(Vector u) {
    Vector w = u + 1.0f;
    return log_of_normal(w) + (u - (w - 1.0f)) / w;
}

GATELAB_APART Vector softplus(Vector x) {
    Vector y = max(x, Vector{}) + log1p(exp(-abs(x)));
    return select(not_a_number(x), x, y);
}

GATELAB_INLINE Vector log_sigmoid(Vector x) { return -softplus(-x); }

GATELAB_INLINE Vector silu(Vector x) { return x * sigmoid(x); }

// erfc(x) for x >= 0 with a relative error of 1e-7 (Press et al., Numerical Recipes, erfcc).
GATELAB_INLINE Vector complementary_error(Vector x) {
    Vector t = 1.0f / (x * 0.5f + 1.0f);
    Vector p = t * 0.17087277f - 0.82215223f;
    p = p * t + 1.48851587f;
    p = p * t - 1.13520398f;
    p = p * t + 0.27886807f;
    p = p * t - 0.18628806f;
    p = p * t + 0.09678418f;
    p = p * t + 0.37409196f;
    p = p * t + 1.00002368f;
    p = p * t - 1.26551223f;
    return t * exp(p - x * x);
}

// The share of a standard normal distribution below x.
GATELAB_INLINE Vector normal_below(Vector x) {
    Vector tail = complementary_error(abs(x) * 0.707106781f) * 0.5f;
    return select(x < 0.0f, tail, 1.0f - tail);
}

GATELAB_APART Vector gelu(Vector x) { return x * normal_below(x); }
GATELAB_APART Vector gelu_slope(Vector x) {
    return normal_below(x) + x * exp(x * x * -0.5f) * 0.398942280f;
}

// sin(x + shift * pi / 2), by the polynomials of the Cephes library (sinf, cosf).
GATELAB_APART Vector sine(Vector x, int shift) {
    const float magic = 12582912.0f, far = 8192.0f;
    Vector shifted = x * 0.636619772f + magic, n = shifted - magic;
    // pi / 2 in three parts: the products with n are exact enough for any n of less than 13 bits.
    Vector r = x - n * 1.5703125f;
    r = r - n * 4.837512969970703125e-4f;
    r = r - n * 7.549789948768648e-8f;
    Vector z = r * r;
    Vector s = ((z * -1.9515295891e-4f + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * r + r;
    Vector c = ((z * 2.443315711809948e-5f - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z * z - z * 0.5f + 1.0f;
    Integers quadrant = (Integers)shifted + shift;
    Vector y = select((quadrant & 1) != 0, c, s);
    y = (Vector)((Integers)y ^ ((quadrant & 2) << 30));
    // Farther out, and for what is no number, lane by lane: that is rare.
    Integers beyond = ~(abs(x) < far);
    for (int i = 0; i < LANES; i++)
        if (__builtin_expect(beyond[i] != 0, 0)) y[i] = shift ? std::cos(x[i]) : std::sin(x[i]);
    return y;
}

GATELAB_INLINE Vector sin(Vector x) { return sine(x, 0); }
GATELAB_INLINE Vector cos(Vector x) { return sine(x, 1); }

}  // namespace gatelab::language
