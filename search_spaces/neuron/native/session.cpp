#include "session.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <new>
#include <numeric>

namespace evonas {

namespace {

constexpr int kGroupsPerTile = kTile / kGroup;

int32_t lanes_for(int32_t n) { return n <= kGroup ? kGroup : n <= 2 * kGroup ? 2 * kGroup : kTile; }

uint32_t mix(uint32_t h) {  // see dropout.py
  h = (h ^ (h >> 16)) * 0x85EBCA6Bu;
  h = (h ^ (h >> 13)) * 0xC2B2AE35u;
  return h ^ (h >> 16);
}

}  // namespace

float* AlignedBuffer::reserve(size_t n) {
  if (n > size_) {
    const size_t bytes = (n * sizeof(float) + 63) / 64 * 64;
    data_.reset(static_cast<float*>(std::aligned_alloc(64, bytes)));
    if (!data_) throw std::bad_alloc();
    std::memset(data_.get(), 0, bytes);
    size_ = n;
  }
  return data_.get();
}

void pack_group(const float* rows, const int32_t* samples, int32_t n, int32_t n_inputs, float* group) {
  if (n < kGroup) std::memset(group, 0, sizeof(float) * kGroup * n_inputs);
  for (int32_t i = 0; i < n_inputs; ++i)
    for (int32_t lane = 0; lane < n; ++lane)
      group[i * kGroup + lane] = rows[static_cast<ptrdiff_t>(samples[lane]) * n_inputs + i];
}

void Session::make_tiles(int32_t n) {
  const Graph& g = model.graph();
  const size_t row_floats = static_cast<size_t>(g.n_rows) * kTile, scale_floats = static_cast<size_t>(g.n_layers) * kTile;
  float* memory = rows_.reserve(n * (3 * row_floats + scale_floats));
  tiles_.assign(n, Tile{});
  for (Tile& tile : tiles_) {
    tile.sums = memory;
    tile.activation = tile.sums + row_floats;
    tile.delta = tile.activation + row_floats;
    tile.scale = tile.delta + row_floats;
    memory = tile.scale + scale_floats;
  }
}

void Session::load(Tile& tile, const DataView& data, const int32_t* samples, int32_t n, bool grouped) {
  const size_t group_floats = static_cast<size_t>(model.graph().n_inputs) * kGroup;
  float* packed = nullptr;
  if (!grouped) {
    const size_t tile_floats = kGroupsPerTile * group_floats;
    packed = packed_.reserve(tiles_.size() * tile_floats) + (&tile - tiles_.data()) * tile_floats;
  }
  tile.n = n;
  tile.lanes = lanes_for(n);
  std::copy(samples, samples + n, tile.sample);
  for (int32_t g = 0; g < kGroupsPerTile; ++g) {
    const int32_t begin = g * kGroup;
    if (begin >= n) {
      tile.inputs[g] = tile.inputs[0];  // no samples: anything finite
    } else if (grouped) {
      tile.inputs[g] = data.groups + static_cast<size_t>(samples[begin] / kGroup) * group_floats;
    } else {
      pack_group(data.rows, samples + begin, std::min(kGroup, n - begin), model.graph().n_inputs,
                 packed + g * group_floats);
      tile.inputs[g] = packed + g * group_floats;
    }
  }
}

void Session::drop_inputs(Tile& tile, const EpochView& epoch, int32_t batch) {
  const int32_t n_inputs = model.graph().n_inputs;
  const size_t group_floats = static_cast<size_t>(n_inputs) * kGroup;
  float* packed = packed_.reserve(kGroupsPerTile * group_floats);
  for (int32_t begin = 0; begin < tile.n; begin += kGroup, packed += group_floats) {
    uint32_t rows[kGroup] = {};
    for (int32_t lane = 0; lane < std::min(kGroup, tile.n - begin); ++lane)
      rows[lane] = mix(static_cast<uint32_t>(tile.sample[begin + lane]) ^ epoch.dropout_keys[2 * batch]);
    kernel_.drop(tile.inputs[begin / kGroup], packed, n_inputs, rows, epoch.dropout_keys[2 * batch + 1],
                 epoch.dropout_threshold, epoch.dropout_scale);
    tile.inputs[begin / kGroup] = packed;
  }
  for (int32_t g = (tile.n + kGroup - 1) / kGroup; g < kGroupsPerTile; ++g) tile.inputs[g] = tile.inputs[0];
}

double Session::propagate(Tile& tile, const Targets& targets, float weight) {
  const Parameters parameters = model.parameters();
  Parameters gradients = model.gradients();
  kernel_.forward(model.graph(), parameters, model.norm(), tile);
  const double loss = kernel_.loss(model.graph(), targets, weight, tile);
  kernel_.backward(model.graph(), parameters, model.norm(), tile, gradients);
  return loss;
}

double Session::train_batch(const DataView& data, const EpochView& epoch, int32_t batch) {
  const int32_t begin = batch * epoch.batch_size, end = std::min(data.n_samples, begin + epoch.batch_size);
  double loss = 0;
  for (int32_t first = begin; first < end; first += kTile) {
    load(tiles_[0], data, epoch.order + first, std::min(kTile, end - first), epoch.grouped);
    if (epoch.dropout_threshold) drop_inputs(tiles_[0], epoch, batch);
    loss += propagate(tiles_[0], data.targets, 1.0f / static_cast<float>(end - begin));
  }
  const int32_t t = epoch.first_step + batch + 1;
  const double rate = epoch.rates[batch], decay = epoch.weight_decay;
  AdamStep step{};
  step.rate = static_cast<float>(rate / (1 - std::pow(0.9, t)));
  step.second_scale = static_cast<float>(1 / std::sqrt(1 - std::pow(0.999, t)));
  step.shrink = epoch.decoupled ? static_cast<float>(1 - rate * decay) : 1.0f;
  step.decay = epoch.decoupled ? 0.0f : epoch.weight_decay;
  step.gradient_scale = 1;
  model.update(kernel_, step, epoch.clip_norm);
  return loss;
}

Outcome Session::train_epoch(const DataView& data, const EpochView& epoch, EpochResult& result) {
  const auto start = std::chrono::steady_clock::now();
  const int32_t n_batches = (data.n_samples + epoch.batch_size - 1) / epoch.batch_size;
  result = {};
  for (int32_t batch = 0; batch < n_batches; ++batch) {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    if (*static_cast<const volatile int32_t*>(epoch.stop) || elapsed.count() > epoch.seconds_left)
      return Outcome::kStopped;
    const int32_t begin = batch * epoch.batch_size;
    result.edge_updates += static_cast<double>(model.n_edges()) * std::min(epoch.batch_size, data.n_samples - begin);
    result.loss += train_batch(data, epoch, batch);
    if (!std::isfinite(result.loss)) return Outcome::kDiverged;
    if (epoch.keep[batch] >= 0) model.prune(epoch.keep[batch]);
    const int64_t moved = model.movable(std::llrint(epoch.share[batch] * model.n_edges()));
    if (moved > 0) model.regrow(best_absent(data, epoch, begin, moved));
  }
  result.loss /= data.n_samples;
  return Outcome::kDone;
}

template <class Visit>
void Session::visit_all(const DataView& data, Visit visit) {
  int32_t samples[kTile];
  for (int32_t begin = 0; begin < data.n_samples; begin += kTile) {
    const int32_t n = std::min(kTile, data.n_samples - begin);
    std::iota(samples, samples + n, begin);
    load(tiles_[0], data, samples, n, true);
    visit(tiles_[0]);
  }
}

double Session::evaluate(const DataView& data, float* outputs) {
  const int32_t n_outputs = model.n_outputs(), first = model.n_rows() - n_outputs;
  double loss = 0;
  visit_all(data, [&](Tile& t) {
    kernel_.forward(model.graph(), model.parameters(), model.norm(), t);
    if (outputs)
      for (int32_t lane = 0; lane < t.n; ++lane)
        for (int32_t k = 0; k < n_outputs; ++k)
          outputs[static_cast<ptrdiff_t>(t.sample[lane]) * n_outputs + k] =
              t.activation[static_cast<ptrdiff_t>(first + k) * t.lanes + lane];
    else
      loss += kernel_.loss(model.graph(), data.targets, 1, t);
  });
  return loss / data.n_samples;
}

double Session::gradients(const DataView& data) {
  double loss = 0;
  visit_all(data, [&](Tile& t) { loss += propagate(t, data.targets, 1.0f / static_cast<float>(data.n_samples)); });
  return loss / data.n_samples;
}

void Session::edge_scores(const DataView& data, const int64_t* pairs, int64_t n, float* scores) {
  const int32_t n_inputs = model.graph().n_inputs;
  std::fill(scores, scores + n, 0.0f);
  visit_all(data, [&](Tile& t) {
    propagate(t, data.targets, 1.0f / static_cast<float>(data.n_samples));
    const float *source[kGroupsPerTile], *delta[kGroupsPerTile];
    for (int64_t i = 0; i < n; ++i) {
      const int64_t u = pairs[2 * i], row = pairs[2 * i + 1] - n_inputs;
      for (int32_t g = 0; g < t.lanes / kGroup; ++g) {
        source[g] = u < n_inputs ? t.inputs[g] + u * kGroup : t.activation + (u - n_inputs) * t.lanes + g * kGroup;
        delta[g] = t.delta + row * t.lanes + g * kGroup;
      }
      float score;
      kernel_.dots(source, 0, 1, delta, t.lanes / kGroup, &score);
      scores[i] += score;
    }
  });
}

void Session::statistics(const DataView& data, double* mean, double* square, double* delta) {
  const int32_t n_inputs = model.graph().n_inputs, n_neurons = n_inputs + model.n_rows();
  for (double* values : {mean, square, delta}) std::fill(values, values + n_neurons, 0.0);
  visit_all(data, [&](Tile& t) {
    propagate(t, data.targets, 1);
    for (int32_t u = 0; u < n_neurons; ++u)
      for (int32_t lane = 0; lane < t.n; ++lane) {
        const ptrdiff_t place = static_cast<ptrdiff_t>(u - n_inputs) * t.lanes + lane;
        const double h = u < n_inputs ? t.inputs[lane / kGroup][static_cast<ptrdiff_t>(u) * kGroup + lane % kGroup]
                                      : t.activation[place];
        mean[u] += h;
        square[u] += h * h;
        if (u >= n_inputs) delta[u] += static_cast<double>(t.delta[place]) * t.delta[place];
      }
  });
  for (double* values : {mean, square, delta})
    for (int32_t u = 0; u < n_neurons; ++u) values[u] /= data.n_samples;
}

}  // namespace evonas
