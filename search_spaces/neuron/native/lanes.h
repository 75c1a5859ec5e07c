// Vectors of the target's own width, as GCC and Clang extensions: +, *, comparison and broadcasting are the compiler's.
// Included only by kernel.cpp, which is compiled once for each instruction set; everything here has internal linkage,
// so that the linker cannot give one instruction set's code to another.
#pragma once

#include <cstddef>
#include <cstdint>
#if defined(__AVX__)
#include <immintrin.h>
#endif

namespace {

#if defined(__AVX512F__)
constexpr int kWidth = 16;
#elif defined(__AVX__)
constexpr int kWidth = 8;
#else
constexpr int kWidth = 4;  // SSE2, NEON
#endif

typedef float vfloat __attribute__((vector_size(4 * kWidth)));
typedef int32_t vint __attribute__((vector_size(4 * kWidth)));

inline vfloat broadcast(float x) { return x - vfloat{}; }
inline vfloat load(const float* p) { return *reinterpret_cast<const vfloat*>(p); }
inline void store(float* p, vfloat x) { *reinterpret_cast<vfloat*>(p) = x; }
inline vfloat maximum(vfloat a, vfloat b) { return a > b ? a : b; }
inline vfloat minimum(vfloat a, vfloat b) { return a < b ? a : b; }

// Returns the nearest integers, of two the even ones, of numbers below 2**22.
inline vfloat nearest(vfloat x) {
  const vfloat magic = broadcast(12582912.0f);  // 1.5 * 2**23: the last of its bits is 1
  return (x + magic) - magic;
}

inline vfloat square_root(vfloat x) {
  for (int i = 0; i < kWidth; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
}

inline float sum(vfloat x) {
#if defined(__AVX512F__)
  return _mm512_reduce_add_ps(x);
#else
  float total = 0;
  for (int i = 0; i < kWidth; ++i) total += x[i];
  return total;
#endif
}

// Adds the sums of four vectors to out[0..3]. Transposing while adding needs two shuffles for each vector, not four.
inline void add_sums(float* out, vfloat a, vfloat b, vfloat c, vfloat d) {
#if defined(__AVX512F__)
  const __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
  const __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
  const __m512d abd = _mm512_castps_pd(ab), cdd = _mm512_castps_pd(cd);
  const __m512 all = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(abd, cdd)),
                                   _mm512_castpd_ps(_mm512_unpackhi_pd(abd, cdd)));
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
#elif defined(__AVX__)
  const __m256 half = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
#endif
#if defined(__AVX__)
  const __m128 quarter = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  _mm_storeu_ps(out, _mm_add_ps(_mm_loadu_ps(out), quarter));
#else
  out[0] += sum(a);
  out[1] += sum(b);
  out[2] += sum(c);
  out[3] += sum(d);
#endif
}

// Computes exp(x) for x <= 0 to 2e-7 relative: Cephes' expf (Moshier 1992), without its overflow branch.
inline vfloat exponential(vfloat x) {
  x = maximum(x, broadcast(-87.0f));
  const vfloat n = nearest(x * 1.44269504f);
  const vfloat r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  vfloat p = broadcast(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const vint power = (__builtin_convertvector(n, vint) + 127) << 23;
  return p * reinterpret_cast<vfloat>(power);
}

}  // namespace
