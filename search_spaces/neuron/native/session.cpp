#include "session.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <new>
#include <numeric>

namespace evonas {

namespace {

// Returns the lanes of the narrowest tile that holds n samples.
int32_t lanes_for(int32_t n) { return n <= 16 ? 16 : n <= 32 ? 32 : 64; }

// Returns whether a tile and the inputs of the next one fit a second-level cache of 1 MB; if not, fetching the latter
// ahead would evict data that are needed now.
bool fits_cache(const Graph& g, int32_t lanes) {
  return sizeof(float) * lanes * (2 * static_cast<size_t>(g.n_inputs) + 3 * static_cast<size_t>(g.n_rows)) <= 1 << 20;
}

// Returns the packed inputs of a sample and its neighbours.
const float* packed_inputs(const DataView& data, int32_t n_inputs, int32_t sample) {
  return data.groups + static_cast<size_t>(sample / kGroup) * n_inputs * kGroup + sample % kGroup;
}

// Returns the activations of a neuron by its global index.
const float* activations(const Tile& t, int64_t n_inputs, int64_t u) {
  return u < n_inputs ? t.input + u * kGroup : t.activation + (u - n_inputs) * t.lanes;
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

void transpose(const float* rows, const int32_t* samples, int32_t n, int32_t n_inputs, float* out,
               const int32_t* view) {
  for (int32_t i = 0; i < n_inputs; ++i) {
    const float* column = rows + (view ? view[i] : i);
    for (int32_t lane = 0; lane < n; ++lane)
      out[static_cast<ptrdiff_t>(i) * kGroup + lane] = column[static_cast<ptrdiff_t>(samples[lane]) * n_inputs];
  }
}

void Session::make_tiles(int32_t n, bool keep_activations) {
  const Graph& g = model.graph();
  const size_t lanes = kernel_.max_lanes, rows = g.n_rows * lanes, layers = g.n_layers * lanes;
  float* memory = memory_.reserve(n * rows + (keep_activations ? n : 1) * (2 * rows + layers));
  tiles_.assign(n, Tile{});
  for (Tile& tile : tiles_) {
    tile.delta = memory;
    memory += rows;
    if (keep_activations || &tile == &tiles_.front()) {
      tile.activation = memory;
      tile.normalised = tile.activation + rows;
      tile.scale = tile.normalised + rows;
      memory = tile.scale + layers;
    } else {
      tile.activation = tiles_.front().activation;
      tile.normalised = tiles_.front().normalised;
      tile.scale = tiles_.front().scale;
    }
  }
}

void Session::load(Tile& tile, int32_t lanes, const DataView& data, const int32_t* samples, int32_t n, bool packed,
                   const int32_t* view) {
  const int32_t n_inputs = model.graph().n_inputs;
  tile.n = n;
  tile.lanes = lanes;
  tile.next = nullptr;
  tile.mask = nullptr;
  std::copy(samples, samples + n, tile.sample);
  tile.input = packed ? packed_inputs(data, n_inputs, samples[0]) : nullptr;
  if (packed && !view) return;
  float* own = own_inputs(tile);
  if (packed)
    std::for_each_n(model.graph().used_input, model.graph().n_used_inputs, [&](int32_t i) {
      std::copy_n(tile.input + static_cast<ptrdiff_t>(view[i]) * kGroup, n, own + static_cast<ptrdiff_t>(i) * kGroup);
    });
  else
    transpose(data.rows, samples, n, n_inputs, own, view);
  tile.input = own;
}

float* Session::own_inputs(const Tile& tile) {
  const size_t size = static_cast<size_t>(model.graph().n_inputs) * kGroup;
  return inputs_.reserve(tiles_.size() * size) + (&tile - tiles_.data()) * size;
}

void Session::drop_hidden(Tile& tile, const EpochView& epoch, const uint32_t* keys) {
  const Graph& g = model.graph();
  const size_t size = static_cast<size_t>(g.n_rows) * kernel_.max_lanes;
  float* mask = mask_.reserve(tiles_.size() * size) + (&tile - tiles_.data()) * size;
  kernel_.mask({keys[0], keys[1], epoch.hidden_threshold, epoch.hidden_scale}, g, tile, mask);
  tile.mask = mask;
}

double Session::propagate(Tile& tile, const Targets& targets, float scale) {
  const Parameters parameters = model.parameters();
  kernel_.forward(model.graph(), parameters, model.norm(), tile);
  const double loss = kernel_.loss(model.graph(), targets, scale, tile);
  kernel_.backward(model.graph(), parameters, model.norm(), tile, model.gradients());
  return loss;
}

double Session::train_batch(const DataView& data, const EpochView& epoch, int32_t batch) {
  const int32_t begin = batch * epoch.batch_size, end = std::min(data.n_samples, begin + epoch.batch_size);
  const Graph& g = model.graph();
  const int32_t* view = epoch.views ? epoch.views + static_cast<ptrdiff_t>(epoch.view[batch]) * g.n_inputs : nullptr;
  int32_t n_tiles = 0;
  double loss = 0;
  for (int32_t first = begin, n; first < end; first += n) {
    n = std::min(kernel_.max_lanes, end - first);
    Tile& tile = tiles_[n_tiles++];
    load(tile, lanes_for(n), data, epoch.order + first, n, epoch.group > 1, view);
    const int32_t next = first + n;
    tile.next = epoch.group > 1 && !view && next < data.n_samples && fits_cache(g, n)
                    ? packed_inputs(data, g.n_inputs, epoch.order[next])
                    : nullptr;
    if (epoch.dropout_threshold) {
      const uint32_t* keys = epoch.keys + 2 * batch;
      float* own = own_inputs(tile);
      kernel_.drop({keys[0], keys[1], epoch.dropout_threshold, epoch.dropout_scale}, g.n_inputs, tile, own);
      tile.input = own;
    }
    if (epoch.hidden_threshold) drop_hidden(tile, epoch, epoch.keys + 2 * batch);
    loss += propagate(tile, data.targets, 1.0f / static_cast<float>(end - begin));
    if (n_tiles == kTilesAtOnce || next == end) {
      kernel_.correlate(g, tiles_.data(), n_tiles, model.gradients().edge);
      n_tiles = 0;
    }
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
  if (epoch.release == 0) model.release();
  for (int32_t batch = 0; batch < n_batches; ++batch) {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    if (*static_cast<const volatile int32_t*>(epoch.stop) || elapsed.count() > epoch.seconds_left)
      return Outcome::kStopped;
    const int32_t begin = batch * epoch.batch_size;
    result.edge_updates += static_cast<double>(model.n_edges()) * std::min(epoch.batch_size, data.n_samples - begin);
    result.loss += train_batch(data, epoch, batch);
    if (!std::isfinite(result.loss)) return Outcome::kDiverged;
    if (epoch.release == batch + 1) model.release();
    if (epoch.keep[batch] >= 0) model.prune(epoch.keep[batch]);
    if (epoch.share[batch] > 0) {
      const Moves moves = model.moves(epoch.share[batch], epoch.by_pair);
      if (moves.any())
        model.regrow(moves, epoch.n_score_samples ? best_absent(data, epoch, begin, moves)
                                                  : random_absent(epoch.keys + 2 * batch, moves));
    }
  }
  result.loss /= data.n_samples;
  result.n_edges = model.n_edges();
  return Outcome::kDone;
}

Outcome Session::train_epochs(const DataView& data, const EpochView* epochs, int32_t n_epochs, EpochResult* results,
                              int32_t& n_done) {
  const auto start = std::chrono::steady_clock::now();
  for (n_done = 0; n_done < n_epochs; ++n_done) {
    EpochView epoch = epochs[n_done];
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    epoch.seconds_left -= elapsed.count();
    const Outcome outcome = train_epoch(data, epoch, results[n_done]);
    if (outcome != Outcome::kDone) return outcome;
  }
  return Outcome::kDone;
}

template <class Visit>
void Session::visit_all(const DataView& data, Visit visit) {
  int32_t samples[kGroup];
  for (int32_t begin = 0; begin < data.n_samples; begin += kernel_.max_lanes) {
    const int32_t n = std::min(kernel_.max_lanes, data.n_samples - begin);
    std::iota(samples, samples + n, begin);
    load(tiles_[0], lanes_for(n), data, samples, n, true);
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
  visit_all(data, [&](Tile& t) {
    loss += propagate(t, data.targets, 1.0f / static_cast<float>(data.n_samples));
    kernel_.correlate(model.graph(), &t, 1, model.gradients().edge);
  });
  return loss / data.n_samples;
}

void Session::edge_scores(const DataView& data, const int64_t* pairs, int64_t n, float* scores) {
  const int32_t n_inputs = model.graph().n_inputs;
  std::fill(scores, scores + n, 0.0f);
  visit_all(data, [&](Tile& t) {
    propagate(t, data.targets, 1.0f / static_cast<float>(data.n_samples));
    const float *source[kGroup / kStrip], *delta[kGroup / kStrip];
    for (int64_t i = 0; i < n; ++i) {
      for (int32_t k = 0; k < t.lanes / kStrip; ++k) {
        source[k] = activations(t, n_inputs, pairs[2 * i]) + k * kStrip;
        delta[k] = t.delta + (pairs[2 * i + 1] - n_inputs) * t.lanes + k * kStrip;
      }
      float score;
      kernel_.dots(source, 0, 1, delta, t.lanes / kStrip, &score);
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
        const double h = activations(t, n_inputs, u)[lane];
        mean[u] += h;
        square[u] += h * h;
        if (u < n_inputs) continue;
        const double d = t.delta[static_cast<ptrdiff_t>(u - n_inputs) * t.lanes + lane];
        delta[u] += d * d;
      }
  });
  for (double* values : {mean, square, delta})
    for (int32_t u = 0; u < n_neurons; ++u) values[u] /= data.n_samples;
}

}  // namespace evonas
