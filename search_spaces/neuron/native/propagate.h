// Forward and backward passes of a tile. Included only by kernel.cpp.
//
// Edges from inputs are most of the edges, and none of them needs a gradient at its source: they are one sparse product
// over all rows (the segments), read straight from the packed inputs. Edges between rows go layer by layer: forward by
// target, with the target's sums in registers; backward by source, with the source's activation and gradient in registers,
// so that a target's delta is loaded once for both the weight's and the source's gradient, and nothing is scattered.
#pragma once

#include "kernel.h"
#include "lanes.h"

namespace {

using namespace evonas;

// Where a source's lanes are: inputs in packed groups, rows side by side.
struct PackedInputs {
  const float* const* groups;
  vfloat operator()(int32_t source, int v) const {
    const int lane = v * kWidth;
    return load(groups[lane / kGroup] + static_cast<ptrdiff_t>(source) * kGroup + lane % kGroup);
  }
};

template <int L>
struct Rows {
  const float* first;
  vfloat operator()(int32_t row, int v) const { return load(first + static_cast<ptrdiff_t>(row) * L + v * kWidth); }
};

// sums += weight * source over edges [begin, end). Two sets of sums, because four are too few to hide the latency of FMA.
template <int V, class Sources>
inline void accumulate(vfloat (&sums)[V], const float* weight, const int32_t* source, int32_t begin, int32_t end,
                       Sources at) {
  vfloat odd[V] = {};
  int32_t e = begin;
  for (; e + 2 <= end; e += 2) {
    const vfloat w0 = broadcast(weight[e]), w1 = broadcast(weight[e + 1]);
    for (int v = 0; v < V; ++v) {
      sums[v] += w0 * at(source[e], v);
      odd[v] += w1 * at(source[e + 1], v);
    }
  }
  if (e < end)
    for (int v = 0; v < V; ++v) sums[v] += broadcast(weight[e]) * at(source[e], v);
  for (int v = 0; v < V; ++v) sums[v] += odd[v];
}

template <int V, class Sources>
inline vfloat product(const vfloat (&delta)[V], int32_t source, Sources at) {
  vfloat total = delta[0] * at(source, 0);
  for (int v = 1; v < V; ++v) total += delta[v] * at(source, v);
  return total;
}

// gradient[e] += <delta, source> over edges [begin, end).
template <int V, class Sources>
inline void correlate(const vfloat (&delta)[V], float* gradient, const int32_t* source, int32_t begin, int32_t end,
                      Sources at) {
  int32_t e = begin;
  for (; e + 4 <= end; e += 4)
    add_sums(gradient + e, product(delta, source[e], at), product(delta, source[e + 1], at),
             product(delta, source[e + 2], at), product(delta, source[e + 3], at));
  for (; e < end; ++e) gradient[e] += sum(product(delta, source[e], at));
}

template <int L>
void normalise(const Graph& g, const Parameters& p, Norm norm, Tile& t, int layer, const vfloat (&total)[L / kWidth]) {
  constexpr int V = L / kWidth;
  const int32_t begin = g.layer_begin[layer], end = g.layer_begin[layer + 1];
  const float share = 1.0f / static_cast<float>(end - begin);
  vfloat mean[V], square[V] = {}, scale[V];
  for (int v = 0; v < V; ++v) mean[v] = total[v] * share;
  for (int32_t r = begin; r < end; ++r)
    for (int v = 0; v < V; ++v) {
      const vfloat centred = load(t.sums + r * L + v * kWidth) - mean[v];
      square[v] += centred * centred;
    }
  for (int v = 0; v < V; ++v) {
    for (int i = 0; i < kWidth; ++i) scale[v][i] = 1.0f / __builtin_sqrtf(square[v][i] * share + kNormEpsilon);
    store(t.scale + layer * L + v * kWidth, scale[v]);
  }
  for (int32_t r = begin; r < end; ++r) {
    const vfloat gain = broadcast(norm == kLayerAffine ? p.gain[r] : 1.0f);
    const vfloat bias = broadcast(norm == kLayerAffine ? p.bias[r] : 0.0f);
    for (int v = 0; v < V; ++v) {
      const vfloat x = (load(t.sums + r * L + v * kWidth) - mean[v]) * scale[v];
      store(t.sums + r * L + v * kWidth, x);
      store(t.activation + r * L + v * kWidth, maximum(x * gain + bias, vfloat{}));
    }
  }
}

template <int L>
void forward(const Graph& g, const Parameters& p, Norm norm, Tile& t) {
  constexpr int V = L / kWidth;
  const int32_t first_output = g.layer_begin[g.n_layers - 1];
  for (int32_t s = 0; s < g.n_segments; ++s) {
    const Segment segment = g.segments[s];
    float* row = t.sums + segment.row * L;
    vfloat sums[V];
    const bool bias_inside = norm != kLayerAffine || segment.row >= first_output;
    for (int v = 0; v < V; ++v)
      sums[v] = s >= g.n_rows ? load(row + v * kWidth) : broadcast(bias_inside ? p.bias[segment.row] : 0.0f);
    accumulate(sums, p.edge, g.source, segment.begin, segment.end, PackedInputs{t.inputs});
    for (int v = 0; v < V; ++v) store(row + v * kWidth, sums[v]);
  }
  const Rows<L> rows{t.activation - static_cast<ptrdiff_t>(g.n_inputs) * L};
  for (int layer = 0; layer < g.n_layers; ++layer) {
    const bool linear = layer == g.n_layers - 1, normed = !linear && norm != kNone;
    vfloat total[V] = {};
    for (int32_t r = g.layer_begin[layer]; r < g.layer_begin[layer + 1]; ++r) {
      vfloat sums[V];
      for (int v = 0; v < V; ++v) sums[v] = load(t.sums + r * L + v * kWidth);
      accumulate(sums, p.edge, g.source, g.hidden_begin[r], g.row_begin[r + 1], rows);
      for (int v = 0; v < V; ++v) {
        if (normed) {
          total[v] += sums[v];
          store(t.sums + r * L + v * kWidth, sums[v]);
        } else {
          store(t.activation + r * L + v * kWidth, linear ? sums[v] : maximum(sums[v], vfloat{}));
        }
      }
    }
    if (normed) normalise<L>(g, p, norm, t, layer, total);
  }
}

// The gradient at a row's activation, from the deltas of its targets; adds the gradients of its out-edges on the way.
template <int L>
inline void pull(const Graph& g, const Parameters& p, const Tile& t, int32_t r, Parameters& gradient,
                 vfloat (&pulled)[L / kWidth]) {
  constexpr int V = L / kWidth;
  const Rows<L> delta{t.delta};
  vfloat h[V];
  for (int v = 0; v < V; ++v) h[v] = load(t.activation + r * L + v * kWidth), pulled[v] = vfloat{};
  const OutEdge* out = g.out + g.out_begin[r];
  const OutEdge* end = g.out + g.out_begin[r + 1];
  for (; out + 4 <= end; out += 4) {
    vfloat dot[4] = {};
    for (int i = 0; i < 4; ++i) {
      const vfloat w = broadcast(p.edge[out[i].edge]);
      for (int v = 0; v < V; ++v) {
        const vfloat d = delta(out[i].row, v);
        pulled[v] += w * d;
        dot[i] += h[v] * d;
      }
    }
    float sums[4] = {};
    add_sums(sums, dot[0], dot[1], dot[2], dot[3]);
    for (int i = 0; i < 4; ++i) gradient.edge[out[i].edge] += sums[i];
  }
  for (; out < end; ++out) {
    const vfloat w = broadcast(p.edge[out->edge]);
    vfloat dot = {};
    for (int v = 0; v < V; ++v) {
      const vfloat d = delta(out->row, v);
      pulled[v] += w * d;
      dot += h[v] * d;
    }
    gradient.edge[out->edge] += sum(dot);
  }
}

template <int L>
void backward_layer(const Graph& g, const Parameters& p, Norm norm, Tile& t, int layer, Parameters& gradient) {
  constexpr int V = L / kWidth;
  const int32_t begin = g.layer_begin[layer], end = g.layer_begin[layer + 1];
  vfloat mean[V] = {}, correlation[V] = {}, pulled[V];
  for (int32_t r = begin; r < end; ++r) {
    pull<L>(g, p, t, r, gradient, pulled);
    vfloat bias = {}, gain = {};
    for (int v = 0; v < V; ++v) {
      const vint active = load(t.activation + r * L + v * kWidth) > 0;
      vfloat d = active ? pulled[v] : vfloat{};
      bias += d;
      if (norm != kNone) {
        const vfloat x = load(t.sums + r * L + v * kWidth);
        if (norm == kLayerAffine) {
          gain += d * x;
          d *= p.gain[r];
        }
        mean[v] += d;
        correlation[v] += d * x;
      }
      store(t.delta + r * L + v * kWidth, d);
    }
    if (norm != kLayer) gradient.bias[r] += sum(bias);
    if (norm == kLayerAffine) gradient.gain[r] += sum(gain);
  }
  if (norm == kNone) return;
  const float share = 1.0f / static_cast<float>(end - begin);
  vfloat scale[V];
  for (int v = 0; v < V; ++v) {
    mean[v] *= share;
    correlation[v] *= share;
    scale[v] = load(t.scale + layer * L + v * kWidth);
  }
  for (int32_t r = begin; r < end; ++r) {
    vfloat bias = {};
    for (int v = 0; v < V; ++v) {
      const vfloat x = load(t.sums + r * L + v * kWidth);
      const vfloat d = (load(t.delta + r * L + v * kWidth) - mean[v] - x * correlation[v]) * scale[v];
      store(t.delta + r * L + v * kWidth, d);
      bias += d;
    }
    if (norm == kLayer) gradient.bias[r] += sum(bias);
  }
}

template <int L>
void backward(const Graph& g, const Parameters& p, Norm norm, Tile& t, Parameters& gradient) {
  constexpr int V = L / kWidth;
  for (int32_t r = g.layer_begin[g.n_layers - 1]; r < g.n_rows; ++r) {
    vfloat bias = {};
    for (int v = 0; v < V; ++v) bias += load(t.delta + r * L + v * kWidth);
    gradient.bias[r] += sum(bias);
  }
  for (int layer = g.n_layers - 2; layer >= 0; --layer) backward_layer<L>(g, p, norm, t, layer, gradient);
  for (int32_t s = 0; s < g.n_segments; ++s) {
    const Segment segment = g.segments[s];
    vfloat delta[V];
    for (int v = 0; v < V; ++v) delta[v] = load(t.delta + segment.row * L + v * kWidth);
    correlate(delta, gradient.edge, g.source, segment.begin, segment.end, PackedInputs{t.inputs});
  }
}

}  // namespace
