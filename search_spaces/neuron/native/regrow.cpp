// The absent edges with the largest gradients, without a matrix of all of them.
#include <algorithm>
#include <cmath>

#include "session.h"

namespace evonas {

namespace {

// Sources scored against all rows at once: their activations on the score samples (1 KB each) fit the first-level cache.
constexpr int32_t kChunk = 24;

bool better(const Candidate& a, const Candidate& b) {
  if (a.score != b.score) return a.score > b.score;
  return a.row != b.row ? a.row < b.row : a.source < b.source;
}

// The `count` best candidates seen so far; the worst of them on top of a heap.
class Best {
 public:
  explicit Best(size_t count) : count_(count) { heap_.reserve(count); }

  void add(const Candidate& c) {
    if (heap_.size() == count_) {
      if (!better(c, heap_.front())) return;
      std::pop_heap(heap_.begin(), heap_.end(), better);
      heap_.back() = c;
    } else {
      heap_.push_back(c);
    }
    std::push_heap(heap_.begin(), heap_.end(), better);
  }
  std::vector<Candidate> take() { return std::move(heap_); }

 private:
  size_t count_;
  std::vector<Candidate> heap_;
};

}  // namespace

std::vector<Candidate> Session::best_absent(const DataView& data, const EpochView& epoch, int32_t begin, int64_t count) {
  const Graph& g = model.graph();
  const int32_t n = std::min(epoch.n_score_samples, data.n_samples - begin);
  make_tiles((n + kTile - 1) / kTile);
  std::vector<const float*> inputs, activations, deltas, source, delta;  // one for each group of samples
  for (size_t i = 0; i < tiles_.size(); ++i) {
    Tile& t = tiles_[i];
    const int32_t first = static_cast<int32_t>(i) * kTile;
    load(t, data, epoch.order + begin + first, std::min(kTile, n - first), epoch.grouped);
    t.lanes = kTile;  // one stride for all tiles
    propagate(t, data.targets, 1.0f / static_cast<float>(n));
    for (int32_t k = 0; k < kTile / kGroup; ++k) {
      inputs.push_back(t.inputs[k]);
      activations.push_back(t.activation + k * kGroup);
      deltas.push_back(t.delta + k * kGroup);
    }
  }
  model.clear_gradients();

  Best best(static_cast<size_t>(count));
  std::vector<int32_t> next(g.row_begin, g.row_begin + g.n_rows);  // each row's first edge not yet passed
  source.resize(inputs.size()), delta.resize(inputs.size());
  float scores[kChunk];
  for (int32_t layer = -1; layer < g.n_layers - 1; ++layer) {  // of the sources; -1 is the inputs
    const bool input = layer < 0;
    const int32_t layer_begin = input ? 0 : g.layer_begin[layer], layer_end = input ? g.n_inputs : g.layer_begin[layer + 1];
    const int32_t offset = input ? 0 : g.n_inputs, stride = input ? kGroup : kTile;
    for (int32_t first = layer_begin; first < layer_end; first += kChunk) {
      const int32_t size = std::min(kChunk, layer_end - first);
      for (size_t k = 0; k < source.size(); ++k)
        source[k] = (input ? inputs[k] : activations[k]) + static_cast<ptrdiff_t>(first) * stride;
      for (int32_t r = input ? 0 : g.layer_begin[layer + 1]; r < g.n_rows; ++r) {
        for (size_t k = 0; k < delta.size(); ++k) delta[k] = deltas[k] + static_cast<ptrdiff_t>(r) * kTile;
        kernel_.dots(source.data(), stride, size, delta.data(), static_cast<int32_t>(delta.size()), scores);
        for (int32_t& e = next[r]; e < g.row_begin[r + 1] && g.source[e] < offset + first + size; ++e)
          scores[g.source[e] - offset - first] = NAN;  // present
        for (int32_t i = 0; i < size; ++i)
          if (!std::isnan(scores[i])) best.add({std::fabs(scores[i]), r, offset + first + i});
      }
    }
  }
  make_tiles(1);
  return best.take();
}

}  // namespace evonas
