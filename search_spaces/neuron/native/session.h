// Training and evaluation of a model on packed samples.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "model.h"

namespace evonas {

// Samples in Python's memory.
struct DataView {
  int32_t n_samples;
  const float* rows;    // (n_samples, n_inputs); read if single samples are shuffled
  const float* groups;  // packed: [ceil(n / kGroup)][n_inputs][kGroup], 64-byte aligned; read otherwise
  Targets targets;
};

// Transposes n samples of n_inputs: out[input * kGroup + i] is that of samples[i]; with a view, input view[input].
void transpose(const float* rows, const int32_t* samples, int32_t n, int32_t n_inputs, float* out,
               const int32_t* view = nullptr);

// Steps of one epoch.
struct EpochView {
  const int32_t* order;    // (n_samples) sample indices
  int32_t batch_size;
  int32_t group;           // neighbours that `order` moves as one; if not 1, they are read packed
  int32_t first_step;      // steps taken in earlier epochs
  int32_t release;         // steps of this epoch after which sharing ends; -1: not in this epoch
  const double* rates;     // (n_batches) learning rates
  const int32_t* keep;     // (n_batches) edges to keep after the step, -1: no pruning
  const double* share;     // (n_batches) share of edges that move after the step, 0: none
  const uint32_t* keys;          // (n_batches, 2) of hashes; read with dropout and for random growth
  uint32_t dropout_threshold;    // 0: no dropout
  float dropout_scale;
  uint32_t hidden_threshold;     // the same for the activations of hidden rows
  float hidden_scale;
  const int32_t* views;    // (n_views, n_inputs) input that replaces each; null: unchanged
  const int32_t* view;     // (n_batches) rows of `views`
  float clip_norm;         // 0: no clipping
  float weight_decay;
  int32_t decoupled;       // AdamW
  int32_t n_score_samples;  // 0: edges grow at random
  int32_t by_pair;  // edges move between the same two layers, else anywhere
  const int32_t* stop;     // not 0: stop now
  double seconds_left;
};

enum class Outcome : int32_t { kDone = 0, kStopped = 1, kDiverged = 2, kOutOfMemory = 3 };

struct EpochResult {
  double loss;          // mean over the samples
  double edge_updates;  // edges times samples
  int32_t n_edges;      // remaining edges
};

// Floats on a 64-byte boundary, so that vector loads are aligned.
class AlignedBuffer {
 public:
  // Returns at least n floats; zeros if it had to grow, else the previous values.
  float* reserve(size_t n);

 private:
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  std::unique_ptr<float, Free> data_;
  size_t size_ = 0;
};

class Session {
 public:
  Session(const NetworkView& network, const Kernel& kernel) : model(network), kernel_(kernel) {
    make_tiles(kTilesAtOnce, false);
  }

  Outcome train_epoch(const DataView& data, const EpochView& epoch, EpochResult& result);
  // Trains one epoch after another until one does not end well; n_done have ended well.
  Outcome train_epochs(const DataView& data, const EpochView* epochs, int32_t n_epochs, EpochResult* results,
                       int32_t& n_done);
  // Returns the mean loss; outputs (n_samples, n_outputs) may be null.
  double evaluate(const DataView& data, float* outputs);
  // Returns the mean loss; its gradients are in model.gradients().
  double gradients(const DataView& data);
  // Computes E[h_source * delta_target] of (source, target) pairs of global indices.
  void edge_scores(const DataView& data, const int64_t* pairs, int64_t n, float* scores);
  // Computes E[h], E[h**2], E[delta**2] of every neuron; (n_inputs + n_rows) each.
  void statistics(const DataView& data, double* mean, double* square, double* delta);

  Model model;

 private:
  static constexpr int32_t kTilesAtOnce = 2;  // tiles whose gradients are added together; see Kernel::correlate

  // Tiles with gradients of their own; all of them share the activations if these are not kept.
  void make_tiles(int32_t n, bool keep_activations);
  // Points a tile at n samples; `packed` ones are neighbours in one group, and without a view are read there.
  void load(Tile& tile, int32_t lanes, const DataView& data, const int32_t* samples, int32_t n, bool packed,
            const int32_t* view = nullptr);
  // Returns a tile's own memory for inputs that cannot be read in place: [n_inputs][kGroup].
  float* own_inputs(const Tile& tile);
  // What the activations of hidden rows are multiplied with in the step; see counter_rng.py.
  void drop_hidden(Tile& tile, const EpochView& epoch, const uint32_t* keys);
  // Runs forward, loss and backward without the gradients of edges from inputs, and returns the losses' sum. Gradients
  // are scaled.
  double propagate(Tile& tile, const Targets& targets, float scale);
  template <class Visit>
  void visit_all(const DataView& data, Visit visit);
  double train_batch(const DataView& data, const EpochView& epoch, int32_t batch);
  // Edges that grow: those with the largest gradients on the samples from `begin` on.
  std::vector<Candidate> best_absent(const DataView& data, const EpochView& epoch, int32_t begin, const Moves& moves);
  // Edges that grow: those with the largest hashes.
  std::vector<Candidate> random_absent(const uint32_t* keys, const Moves& moves);

  const Kernel& kernel_;
  std::vector<Tile> tiles_;  // kTilesAtOnce, or as many as regrowth scores at once
  AlignedBuffer memory_, inputs_, mask_;
};

}  // namespace evonas
