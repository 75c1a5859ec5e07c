// Forward and backward passes of a tile. Included only by kernel.cpp.
//
// A row's weighted sum, one register for every kWidth samples, stays in registers while its sources are read. In the
// backward pass edges between rows are visited by source: with the source's activation and gradient in registers, one
// read of a target's delta serves both the weight's gradient and the source's, and no write is scattered. Edges from
// inputs, most of the edges of an image classifier, need no gradient at their source: they are visited by target, with
// its delta in registers.
#pragma once

#include "kernel.h"
#include "lanes.h"

namespace {

using namespace evonas;

// Returns row i of a matrix with rows of S floats.
template <int S>
inline const float* row(const float* matrix, int32_t i) {
  const float* p = matrix + static_cast<ptrdiff_t>(i) * S;
#if defined(__GNUC__)
  // Keeps the address in a register of its own: loads with an index register are split, and were 15 % slower.
  asm("" : "+r"(p));
#endif
  return p;
}

template <int S>
inline float* row(float* matrix, int32_t i) {
  return matrix + static_cast<ptrdiff_t>(i) * S;
}

// Places of the parameters of edges: edge e's are in slot[e] if edges share, else in e.
template <bool Shared>
struct Slots {
  const int32_t* slot;
  int32_t operator[](int32_t e) const { return Shared ? slot[e] : e; }
};

// Adds the sum of dot[i] to gradient[slots[e + i]], for i < n <= 4; without sharing adds zeros to up to three more.
template <bool Shared>
inline void add_gradients(float* gradient, Slots<Shared> slots, int32_t e, int32_t n, const vfloat (&dot)[4]) {
  if (!Shared) return add_sums(gradient + e, dot[0], dot[1], dot[2], dot[3]);
  float sums[4] = {};
  add_sums(sums, dot[0], dot[1], dot[2], dot[3]);
  for (int32_t i = 0; i < n; ++i) gradient[slots[e + i]] += sums[i];
}

// Adds weight * source over edges [begin, end) to sums, with sources S floats apart. There are two sets of sums,
// because four are too few to hide the latency of FMA.
template <int L, int S, bool Shared>
inline void accumulate(vfloat (&sums)[L / kWidth], const float* weight, Slots<Shared> slots, const float* activation,
                       const int32_t* source, int32_t begin, int32_t end) {
  constexpr int V = L / kWidth;
  vfloat odd[V] = {};
  int32_t e = begin;
  for (; e + 2 <= end; e += 2) {
    const float *a = row<S>(activation, source[e]), *b = row<S>(activation, source[e + 1]);
    const vfloat wa = broadcast(weight[slots[e]]), wb = broadcast(weight[slots[e + 1]]);
    for (int v = 0; v < V; ++v) {
      sums[v] += wa * load(a + v * kWidth);
      odd[v] += wb * load(b + v * kWidth);
    }
  }
  if (e < end) {
    const float* a = row<S>(activation, source[e]);
    for (int v = 0; v < V; ++v) sums[v] += broadcast(weight[slots[e]]) * load(a + v * kWidth);
  }
  for (int v = 0; v < V; ++v) sums[v] += odd[v];
}

// Adds <delta, input> over T tiles to the gradients of edges [begin, end).
template <int L, int T, bool Shared>
inline void correlate(const vfloat (&delta)[T][L / kWidth], float* gradient, Slots<Shared> slots, const Tile* tiles,
                      const int32_t* source, int32_t begin, int32_t end) {
  const auto product = [&](int32_t e) {
    vfloat total = {};
    for (int k = 0; k < T; ++k) {
      const float* x = row<kGroup>(tiles[k].input, source[e]);
      for (int v = 0; v < L / kWidth; ++v) total += delta[k][v] * load(x + v * kWidth);
    }
    return total;
  };
  int32_t e = begin;
  for (; e + 4 <= end; e += 4) {
    vfloat dot[4];
    for (int i = 0; i < 4; ++i) dot[i] = product(e + i);
    add_gradients(gradient, slots, e, 4, dot);
  }
  if (e == end) return;
  vfloat dot[4] = {};
  for (int i = 0; i < end - e; ++i) dot[i] = product(e + i);
  add_gradients(gradient, slots, e, end - e, dot);
}

// Adds the gradients of the edges from inputs. Two tiles at once halve the cost of summing lanes and of reading and
// writing gradients.
template <int L, int T, bool Shared>
void correlate_inputs(const Graph& g, const Tile* tiles, float* gradient) {
  const int32_t* segment = g.segment_begin;
  const Slots<Shared> slots{g.slot};
  vfloat delta[T][L / kWidth];
  for (int32_t layer = 0; layer < g.n_layers; ++layer)
    for (int32_t b = 0; b < g.n_blocks; ++b)
      for (int32_t r = g.layer_begin[layer]; r < g.layer_begin[layer + 1]; ++r, ++segment) {
        for (int k = 0; k < T; ++k)
          for (int v = 0; v < L / kWidth; ++v) delta[k][v] = load(tiles[k].delta + r * L + v * kWidth);
        correlate<L, T>(delta, gradient, slots, tiles, g.source, segment[0], segment[1]);
      }
}

// Applies layer norm, gain, bias and ReLU to the normed rows of a layer, whose weighted sums add up to `total`.
template <int L>
void normalise(const Graph& g, const Parameters& p, Norm norm, Tile& t, int layer, const vfloat (&total)[L / kWidth]) {
  constexpr int V = L / kWidth;
  const int32_t begin = g.layer_begin[layer], end = g.layer_begin[layer + 1];
  const float share = 1.0f / static_cast<float>(g.n_normed[layer]);
  vfloat mean[V], square[V] = {}, scale[V];
  for (int v = 0; v < V; ++v) mean[v] = total[v] * share;
  for (int32_t r = begin; r < end; ++r) {
    if (g.activation[r] != kNormed) continue;
    for (int v = 0; v < V; ++v) {
      const vfloat centred = load(t.normalised + r * L + v * kWidth) - mean[v];
      square[v] += centred * centred;
    }
  }
  for (int v = 0; v < V; ++v) {
    scale[v] = 1.0f / square_root(square[v] * share + kNormEpsilon);
    store(t.scale + layer * L + v * kWidth, scale[v]);
  }
  for (int32_t r = begin; r < end; ++r) {
    if (g.activation[r] != kNormed) continue;
    const vfloat gain = broadcast(norm == kLayerAffine ? p.gain[g.row_slot[r]] : 1.0f);
    const vfloat bias = broadcast(norm == kLayerAffine ? p.bias[g.row_slot[r]] : 0.0f);
    for (int v = 0; v < V; ++v) {
      const vfloat x = (load(t.normalised + r * L + v * kWidth) - mean[v]) * scale[v];
      store(t.normalised + r * L + v * kWidth, x);
      store(t.activation + r * L + v * kWidth, maximum(x * gain + bias, vfloat{}));
    }
  }
}

// Prefetches a share of the next tile's inputs while a row of this one is computed: spread over the rows of both
// passes, fetching them from memory takes little extra time.
template <int L>
inline void fetch_ahead(const Graph& g, const Tile& t, int32_t visit) {
  if (!t.next) return;
#if defined(__GNUC__)
  asm volatile("");  // GCC 12 takes a function that only prefetches for one without effect, and drops its calls
#endif
  const int64_t first = visit * g.fetched >> 16, last = (visit + 1) * g.fetched >> 16;
  for (int64_t i = first; i < last; ++i)
    for (int lane = 0; lane < L; lane += 16)
      __builtin_prefetch(t.next + static_cast<ptrdiff_t>(g.used_input[i]) * kGroup + lane, 0, 2);
}

// Sums over the inputs of all blocks but the last, into the rows of a layer; returns the last block's first segment.
template <int L, bool Shared>
const int32_t* sum_blocks(const Graph& g, const Parameters& p, Tile& t, int32_t begin, int32_t end) {
  constexpr int V = L / kWidth;
  const int32_t* segment = g.segment_begin + g.n_blocks * begin;
  for (int32_t b = 0; b + 1 < g.n_blocks; ++b)
    for (int32_t r = begin; r < end; ++r, ++segment) {
      vfloat sums[V];
      for (int v = 0; v < V; ++v) sums[v] = b ? load(t.normalised + r * L + v * kWidth) : vfloat{};
      accumulate<L, kGroup>(sums, p.edge, Slots<Shared>{g.slot}, t.input, g.source, segment[0], segment[1]);
      for (int v = 0; v < V; ++v) store(t.normalised + r * L + v * kWidth, sums[v]);
    }
  return segment;
}

// Rounds the activations of a hidden layer to its grid.
template <int L>
void round_activations(const Graph& g, Tile& t, int layer) {
  const float step = g.step[layer];
  const vfloat low = broadcast(g.low[layer]), high = broadcast(g.high[layer]);
  const ptrdiff_t end = static_cast<ptrdiff_t>(g.layer_begin[layer + 1]) * L;
  for (ptrdiff_t i = static_cast<ptrdiff_t>(g.layer_begin[layer]) * L; i < end; i += kWidth)
    store(t.activation + i, nearest(minimum(maximum(load(t.activation + i) / step, low), high)) * step);
}

template <int L, bool Shared>
void forward(const Graph& g, const Parameters& p, Norm norm, Tile& t) {
  constexpr int V = L / kWidth;
  for (int layer = 0; layer < g.n_layers; ++layer) {
    const int32_t begin = g.layer_begin[layer], end = g.layer_begin[layer + 1];
    const int32_t* segment = sum_blocks<L, Shared>(g, p, t, begin, end);
    vfloat total[V] = {};
    for (int32_t r = begin; r < end; ++r, ++segment) {
      fetch_ahead<L>(g, t, r);
      const bool normed = g.activation[r] == kNormed, rectified = g.activation[r] == kRectified;
      vfloat sums[V];
      for (int v = 0; v < V; ++v) sums[v] = broadcast(normed && norm == kLayerAffine ? 0.0f : p.bias[g.row_slot[r]]);
      if (g.n_blocks > 1)
        for (int v = 0; v < V; ++v) sums[v] += load(t.normalised + r * L + v * kWidth);
      accumulate<L, kGroup>(sums, p.edge, Slots<Shared>{g.slot}, t.input, g.source, segment[0], segment[1]);
      accumulate<L, L>(sums, Shared ? p.edge : p.inner, Slots<Shared>{g.inner_slot}, t.activation, g.inner_source,
                       g.inner_begin[r], g.inner_begin[r + 1]);
      if (rectified)
        for (int v = 0; v < V; ++v) sums[v] = maximum(sums[v], vfloat{});
      if (normed)
        for (int v = 0; v < V; ++v) total[v] += sums[v];
      float* out = row<L>(normed ? t.normalised : t.activation, r);
      for (int v = 0; v < V; ++v) store(out + v * kWidth, sums[v]);
    }
    if (g.n_normed[layer]) normalise<L>(g, p, norm, t, layer, total);
    if (g.step && layer + 1 < g.n_layers) round_activations<L>(g, t, layer);
    if (t.mask && layer + 1 < g.n_layers)
      for (ptrdiff_t i = static_cast<ptrdiff_t>(begin) * L; i < static_cast<ptrdiff_t>(end) * L; i += kWidth)
        store(t.activation + i, load(t.activation + i) * load(t.mask + i));
  }
}

// Computes the gradient at a row's activation from the deltas of its targets, and adds the gradients of its out-edges.
template <int L, bool Shared>
inline void pull(const Graph& g, const Parameters& p, const Tile& t, int32_t r, float* gradient,
                 vfloat (&pulled)[L / kWidth]) {
  constexpr int V = L / kWidth;
  const Slots<Shared> slots{g.slot};
  vfloat h[V];
  for (int v = 0; v < V; ++v) {
    h[v] = load(t.activation + r * L + v * kWidth);
    pulled[v] = vfloat{};
  }
  const auto visit = [&](int32_t e) {
    const float* delta = row<L>(static_cast<const float*>(t.delta), g.target[e]);
    const vfloat w = broadcast(p.edge[slots[e]]);
    vfloat dot = {};
    for (int v = 0; v < V; ++v) {
      const vfloat d = load(delta + v * kWidth);
      pulled[v] += w * d;
      dot += h[v] * d;
    }
    return dot;
  };
  const int32_t end = g.out_begin[r + 1];
  int32_t e = g.out_begin[r];
  for (; e + 4 <= end; e += 4) {
    vfloat dot[4];
    for (int i = 0; i < 4; ++i) dot[i] = visit(e + i);
    add_gradients(gradient, slots, e, 4, dot);
  }
  if (e == end) return;
  vfloat dot[4] = {};
  for (int i = 0; i < end - e; ++i) dot[i] = visit(e + i);
  add_gradients(gradient, slots, e, end - e, dot);
}

// Turns the gradients at a hidden layer's activations into those at its weighted sums, and adds all that follow.
template <int L, bool Shared>
void backward_layer(const Graph& g, const Parameters& p, Norm norm, Tile& t, int layer, const Parameters& gradient) {
  constexpr int V = L / kWidth;
  const int32_t begin = g.layer_begin[layer], end = g.layer_begin[layer + 1];
  vfloat mean[V] = {}, correlation[V] = {}, pulled[V];
  for (int32_t r = begin; r < end; ++r) {
    fetch_ahead<L>(g, t, 2 * g.n_rows - 1 - r);
    pull<L, Shared>(g, p, t, r, gradient.edge, pulled);
    const bool normed = g.activation[r] == kNormed, scaled = normed && norm == kLayerAffine;
    const float* activation = row<L>(t.activation, r);
    vfloat sums[4] = {};  // gradients of bias and gain
    if (t.mask)
      for (int v = 0; v < V; ++v) pulled[v] *= load(t.mask + r * L + v * kWidth);
    if (g.activation[r] != kLinear)
      for (int v = 0; v < V; ++v) pulled[v] = load(activation + v * kWidth) > 0 ? pulled[v] : vfloat{};
    if (normed)
      for (int v = 0; v < V; ++v) {
        const vfloat x = load(t.normalised + r * L + v * kWidth);
        if (scaled) {
          sums[0] += pulled[v];
          sums[1] += pulled[v] * x;
          pulled[v] *= p.gain[g.row_slot[r]];
        }
        mean[v] += pulled[v];
        correlation[v] += pulled[v] * x;
      }
    for (int v = 0; v < V; ++v) store(t.delta + r * L + v * kWidth, pulled[v]);
    if (scaled) {
      float both[4] = {};
      add_sums(both, sums[0], sums[1], sums[2], sums[3]);
      gradient.bias[g.row_slot[r]] += both[0];
      gradient.gain[g.row_slot[r]] += both[1];
    }
  }
  const float share = g.n_normed[layer] ? 1.0f / static_cast<float>(g.n_normed[layer]) : 0.0f;
  vfloat scale[V];
  for (int v = 0; v < V; ++v) {
    mean[v] *= share;
    correlation[v] *= share;
    scale[v] = g.n_normed[layer] ? load(t.scale + layer * L + v * kWidth) : vfloat{};
  }
  for (int32_t r = begin; r < end; ++r) {
    const bool normed = g.activation[r] == kNormed;
    float* delta = row<L>(t.delta, r);
    if (normed)
      for (int v = 0; v < V; ++v) {
        const vfloat x = load(t.normalised + r * L + v * kWidth);
        store(delta + v * kWidth, (load(delta + v * kWidth) - mean[v] - x * correlation[v]) * scale[v]);
      }
    if (normed && norm == kLayerAffine) continue;
    vfloat bias = {};
    for (int v = 0; v < V; ++v) bias += load(delta + v * kWidth);
    gradient.bias[g.row_slot[r]] += sum(bias);
  }
}

template <int L, bool Shared>
void backward(const Graph& g, const Parameters& p, Norm norm, Tile& t, const Parameters& gradient) {
  constexpr int V = L / kWidth;
  for (int32_t r = g.layer_begin[g.n_layers - 1]; r < g.n_rows; ++r) {
    vfloat bias = {};
    for (int v = 0; v < V; ++v) bias += load(t.delta + r * L + v * kWidth);
    gradient.bias[g.row_slot[r]] += sum(bias);
  }
  for (int layer = g.n_layers - 2; layer >= 0; --layer) backward_layer<L, Shared>(g, p, norm, t, layer, gradient);
}

}  // namespace
