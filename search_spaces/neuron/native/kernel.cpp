// The arithmetic for one instruction set: compiled several times, with EVONAS_KERNEL naming the table it defines.
#include "kernel.h"

#include "lanes.h"
#include "loss.h"
#include "propagate.h"

namespace {

void forward_tile(const Graph& g, const Parameters& p, Norm norm, Tile& t) {
  if (t.lanes == 64) return forward<64>(g, p, norm, t);
  if (t.lanes == 32) return forward<32>(g, p, norm, t);
  forward<16>(g, p, norm, t);
}

double loss_of_tile(const Graph& g, const Targets& y, float weight, Tile& t) {
  if (t.lanes == 64) return loss<64>(g, y, weight, t);
  if (t.lanes == 32) return loss<32>(g, y, weight, t);
  return loss<16>(g, y, weight, t);
}

void backward_tile(const Graph& g, const Parameters& p, Norm norm, Tile& t, Parameters& gradient) {
  if (t.lanes == 64) return backward<64>(g, p, norm, t, gradient);
  if (t.lanes == 32) return backward<32>(g, p, norm, t, gradient);
  backward<16>(g, p, norm, t, gradient);
}

void adam(const AdamStep& s, int64_t n, float* weight, float* gradient, float* first, float* second) {
  constexpr float beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f;
  for (int64_t i = 0; i < n; ++i) {
    const float w = weight[i] * s.shrink;
    const float g = gradient[i] * s.gradient_scale + w * s.decay;
    first[i] = first[i] * beta1 + g * (1 - beta1);
    second[i] = second[i] * beta2 + g * g * (1 - beta2);
    weight[i] = w - s.rate * first[i] / (__builtin_sqrtf(second[i]) * s.second_scale + epsilon);
    gradient[i] = 0;
  }
}

void dots(const float* const* a, int32_t stride, int32_t n, const float* const* b, int32_t n_groups, float* out) {
  for (int32_t i = 0; i < n; ++i) {
    vfloat total = {};
    for (int32_t g = 0; g < n_groups; ++g)
      for (int lane = 0; lane < kGroup; lane += kWidth)
        total += load(a[g] + static_cast<ptrdiff_t>(i) * stride + lane) * load(b[g] + lane);
    out[i] = sum(total);
  }
}

inline uint32_t mix(uint32_t h) {
  h = (h ^ (h >> 16)) * 0x85EBCA6Bu;
  h = (h ^ (h >> 13)) * 0xC2B2AE35u;
  return h ^ (h >> 16);
}

void drop(const float* in, float* out, int32_t n_inputs, const uint32_t* rows, uint32_t key, uint32_t threshold,
          float scale) {
  for (int32_t i = 0; i < n_inputs; ++i) {
    const uint32_t column = static_cast<uint32_t>(i) * 0x9E3779B1u + key;
    for (int lane = 0; lane < kGroup; ++lane)
      out[i * kGroup + lane] = mix(rows[lane] ^ column) < threshold ? 0.0f : in[i * kGroup + lane] * scale;
  }
}

}  // namespace

namespace evonas {
const Kernel EVONAS_KERNEL = {forward_tile, loss_of_tile, backward_tile, adam, dots, drop};
}
