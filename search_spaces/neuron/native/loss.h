// Losses and their gradients at the outputs. Included only by kernel.cpp.
#pragma once

#include <math.h>

#include "kernel.h"
#include "lanes.h"

namespace {

using namespace evonas;

// Writes the targets of a tile's samples into the output rows of tile.delta.
template <int L>
void set_targets(const Targets& y, const Tile& t, float* target, int32_t n_outputs) {
  const float own = y.teacher ? 1.0f - y.teacher_weight : 1.0f;  // share of the samples' own targets
  const vfloat rest = broadcast(y.labels ? own * y.smoothing / static_cast<float>(n_outputs) : 0.0f);
  for (int32_t i = 0; i < n_outputs * L; i += kWidth) store(target + i, rest);
  for (int lane = 0; lane < t.n; ++lane) {
    const int64_t sample = t.sample[lane];
    const auto mix_in = [&](const float* rows, float share) {
      for (int32_t k = 0; k < n_outputs; ++k) target[k * L + lane] += share * rows[sample * n_outputs + k];
    };
    if (y.labels) target[y.labels[sample] * L + lane] += own * (1.0f - y.smoothing);
    if (y.values) mix_in(y.values, own);
    if (y.teacher) mix_in(y.teacher, y.teacher_weight);
  }
}

// Returns the factor of a sample's loss.
inline float weight_of(const Targets& y, const Tile& t, int lane) { return y.weights ? y.weights[t.sample[lane]] : 1.0f; }

// Computes the mean squared error over a sample's outputs. The gradient at lane i is multiplied with factor[i].
template <int L>
double squared_error(const Targets& y, const Tile& t, const float* output, float* delta, int32_t n_outputs,
                     const float* factor) {
  double total = 0;
  const float share = 1.0f / static_cast<float>(n_outputs);
  for (int32_t k = 0; k < n_outputs; ++k)
    for (int lane = 0; lane < L; ++lane) {
      const float error = output[k * L + lane] - delta[k * L + lane];
      delta[k * L + lane] = factor[lane] * 2.0f * share * error;
      if (lane < t.n) total += static_cast<double>(error) * error * share * weight_of(y, t, lane);
    }
  return total;
}

template <int L>
double cross_entropy(const Targets& y, const Tile& t, const float* output, float* delta, int32_t n_outputs,
                     const float* factor) {
  alignas(64) float loss[L], normaliser[L];
  for (int lane = 0; lane < L; lane += kWidth) {
    vfloat highest = load(output + lane), total = {}, agreement = {};
    for (int32_t k = 1; k < n_outputs; ++k) highest = maximum(highest, load(output + k * L + lane));
    for (int32_t k = 0; k < n_outputs; ++k) total += exponential(load(output + k * L + lane) - highest);
    const vfloat w = load(factor + lane), inverse = 1.0f / total;
    for (int32_t k = 0; k < n_outputs; ++k) {
      const vfloat x = load(output + k * L + lane) - highest, target = load(delta + k * L + lane);
      agreement += target * x;  // 0 * NaN is NaN: every divergence is detected
      store(delta + k * L + lane, (exponential(x) * inverse - target) * w);
    }
    store(loss + lane, -agreement);
    store(normaliser + lane, total);
  }
  double sum = 0;
  if (y.weights) {
    for (int lane = 0; lane < t.n; ++lane)
      sum += weight_of(y, t, lane) * (loss[lane] + log(static_cast<double>(normaliser[lane])));
    return sum;
  }
  // Sums logarithms as logarithms of products: 16 factors between 1 and n_outputs stay far below overflow.
  for (int strip = 0; strip < t.n; strip += kStrip) {
    double factors = 1;
    for (int lane = strip; lane < strip + kStrip && lane < t.n; ++lane) {
      sum += loss[lane];
      factors *= normaliser[lane];
    }
    sum += log(factors);
  }
  return sum;
}

template <int L>
double loss(const Graph& g, const Targets& y, float scale, Tile& t) {
  const int32_t first = g.layer_begin[g.n_layers - 1], n_outputs = g.n_rows - first;
  const float* output = t.activation + static_cast<ptrdiff_t>(first) * L;
  float* delta = t.delta + static_cast<ptrdiff_t>(first) * L;
  alignas(64) float factor[L];
  for (int lane = 0; lane < L; ++lane) factor[lane] = lane < t.n ? scale * weight_of(y, t, lane) : 0.0f;
  set_targets<L>(y, t, delta, n_outputs);
  return y.labels ? cross_entropy<L>(y, t, output, delta, n_outputs, factor)
                  : squared_error<L>(y, t, output, delta, n_outputs, factor);
}

}  // namespace
