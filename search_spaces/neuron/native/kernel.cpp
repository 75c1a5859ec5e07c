// Arithmetic for one instruction set: compiled several times, with EVONAS_KERNEL naming the table it defines.
#include "kernel.h"

#include "lanes.h"
#include "loss.h"
#include "propagate.h"

namespace {

constexpr int kMost = 4 * kWidth;  // lanes that four registers hold

// Calls a template with the tile's number of lanes, and whether edges share parameters.
#define EVONAS_FOR_LANES(function, ...)                                                                  \
  do {                                                                                                   \
    if constexpr (kMost >= 64)                                                                           \
      if (t.lanes == 64) return g.slot ? function<64, true>(__VA_ARGS__) : function<64, false>(__VA_ARGS__); \
    if constexpr (kMost >= 32)                                                                           \
      if (t.lanes == 32) return g.slot ? function<32, true>(__VA_ARGS__) : function<32, false>(__VA_ARGS__); \
    return g.slot ? function<16, true>(__VA_ARGS__) : function<16, false>(__VA_ARGS__);                  \
  } while (0)

template <int L, bool Shared>
void correlate_lanes(const Graph& g, const Tile* tiles, int32_t n_tiles, float* gradient) {
  n_tiles == 2 ? correlate_inputs<L, 2, Shared>(g, tiles, gradient) : correlate_inputs<L, 1, Shared>(g, tiles, gradient);
}

// Calls a template for tiles of the same number of lanes.
void correlate_alike(const Graph& g, const Tile* tiles, int32_t n_tiles, float* gradient) {
  const Tile& t = tiles[0];
  EVONAS_FOR_LANES(correlate_lanes, g, tiles, n_tiles, gradient);
}

void correlate_tiles(const Graph& g, const Tile* tiles, int32_t n_tiles, float* gradient) {
  if (n_tiles == 2 && tiles[0].lanes == tiles[1].lanes) return correlate_alike(g, tiles, 2, gradient);
  for (int32_t i = 0; i < n_tiles; ++i) correlate_alike(g, tiles + i, 1, gradient);
}

void forward_tile(const Graph& g, const Parameters& p, Norm norm, Tile& t) { EVONAS_FOR_LANES(forward, g, p, norm, t); }

template <int L, bool>
double loss_lanes(const Graph& g, const Targets& y, float scale, Tile& t) {
  return loss<L>(g, y, scale, t);
}

double loss_of_tile(const Graph& g, const Targets& y, float scale, Tile& t) {
  EVONAS_FOR_LANES(loss_lanes, g, y, scale, t);
}

void backward_tile(const Graph& g, const Parameters& p, Norm norm, Tile& t, const Parameters& gradient) {
  EVONAS_FOR_LANES(backward, g, p, norm, t, gradient);
}

inline uint32_t mix(uint32_t h) {
  h = (h ^ (h >> 16)) * 0x85EBCA6Bu;
  h = (h ^ (h >> 13)) * 0xC2B2AE35u;
  return h ^ (h >> 16);
}

void drop(const Dropout& d, int32_t n_inputs, const Tile& t, float* out) {
  uint32_t sample[kGroup];
  for (int lane = 0; lane < t.lanes; ++lane) sample[lane] = mix(static_cast<uint32_t>(t.sample[lane]) ^ d.sample_key);
  for (int32_t i = 0; i < n_inputs; ++i) {
    const uint32_t input = static_cast<uint32_t>(i) * 0x9E3779B1u + d.input_key;
    const ptrdiff_t row = static_cast<ptrdiff_t>(i) * kGroup;
    for (int lane = 0; lane < t.lanes; ++lane)
      out[row + lane] = mix(sample[lane] ^ input) < d.threshold ? 0.0f : t.input[row + lane] * d.scale;
  }
}

void mask(const Dropout& d, const Graph& g, const Tile& t, float* out) {
  uint32_t sample[kGroup];
  for (int lane = 0; lane < t.lanes; ++lane) sample[lane] = mix(static_cast<uint32_t>(t.sample[lane]) ^ d.sample_key);
  for (int32_t r = 0; r < g.layer_begin[g.n_layers - 1]; ++r) {
    const uint32_t neuron = static_cast<uint32_t>(g.n_inputs + r) * 0x9E3779B1u + d.input_key;
    float* row = out + static_cast<ptrdiff_t>(r) * t.lanes;
    for (int lane = 0; lane < t.lanes; ++lane) row[lane] = mix(sample[lane] ^ neuron) < d.threshold ? 0.0f : d.scale;
  }
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

void dots(const float* const* a, int32_t stride, int32_t n, const float* const* b, int32_t n_strips, float* out) {
  for (int32_t i = 0; i < n; ++i) {
    vfloat total = {};
    for (int32_t g = 0; g < n_strips; ++g)
      for (int lane = 0; lane < kStrip; lane += kWidth)
        total += load(a[g] + static_cast<ptrdiff_t>(i) * stride + lane) * load(b[g] + lane);
    out[i] = sum(total);
  }
}

}  // namespace

namespace evonas {
const Kernel EVONAS_KERNEL = {kMost,         drop,            mask, forward_tile, loss_of_tile,
                              backward_tile, correlate_tiles, adam, dots};
}
