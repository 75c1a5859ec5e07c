// Which edges grow, without a matrix of all that could.
#include <algorithm>
#include <cmath>

#include "session.h"

namespace evonas {

namespace {

// Sources scored against all rows at once: their activations, 1 KB each, fit the first-level cache.
constexpr int32_t kChunk = 24;

bool better(const Candidate& a, const Candidate& b) {
  if (a.score != b.score) return a.score > b.score;
  return a.row != b.row ? a.row < b.row : a.source < b.source;
}

// `count` best candidates seen so far; the worst of them is on top of a heap.
class Best {
 public:
  explicit Best(size_t count) : count_(count) { heap_.reserve(count); }

  void add(const Candidate& c) {
    if (!count_) return;
    if (heap_.size() == count_) {
      if (!better(c, heap_.front())) return;
      std::pop_heap(heap_.begin(), heap_.end(), better);
      heap_.back() = c;
    } else {
      heap_.push_back(c);
    }
    std::push_heap(heap_.begin(), heap_.end(), better);
  }
  const std::vector<Candidate>& candidates() const { return heap_; }

 private:
  size_t count_;
  std::vector<Candidate> heap_;
};

// The best candidates for each place of edges that grow.
class Growing {
 public:
  explicit Growing(const Moves& moves) {
    for (const int64_t count : moves.growing) best_.emplace_back(static_cast<size_t>(count));
  }
  Best& operator[](size_t place) { return best_[place]; }
  std::vector<Candidate> all() const {
    std::vector<Candidate> all;
    for (const Best& best : best_) all.insert(all.end(), best.candidates().begin(), best.candidates().end());
    return all;
  }

 private:
  std::vector<Best> best_;
};

// The edges that cannot grow, by row and source: those that are kept, and over the whole network those that are there.
struct Present {
  Present(const Model& model, const Moves& moves) : begin(model.n_rows() + 1, 0), source(model.n_edges()) {
    const auto counts = [&](int32_t e) { return moves.kept[e] || !moves.by_pair; };
    for (int32_t e = 0; e < model.n_edges(); ++e) begin[model.targets()[e] + 1] += counts(e);
    for (size_t r = 1; r < begin.size(); ++r) begin[r] += begin[r - 1];
    std::vector<int32_t> next = begin;
    for (int32_t e = 0; e < model.n_edges(); ++e)
      if (counts(e)) source[next[model.targets()[e]]++] = model.sources()[e];
  }
  std::vector<int32_t> begin, source;
};

// Finalizer of MurmurHash3, as in trainer/counter_rng.py.
uint32_t mix(uint32_t h) {
  h = (h ^ (h >> 16)) * 0x85EBCA6Bu;
  h = (h ^ (h >> 13)) * 0xC2B2AE35u;
  return h ^ (h >> 16);
}

}  // namespace

std::vector<Candidate> Session::random_absent(const uint32_t* keys, const Moves& moves) {
  const Graph& g = model.graph();
  const Present present(model, moves);
  Growing growing(moves);
  for (int32_t layer = 0; layer < g.n_layers; ++layer)
    for (int32_t r = g.layer_begin[layer]; r < g.layer_begin[layer + 1]; ++r) {
      const uint32_t row = mix(static_cast<uint32_t>(g.n_inputs + r) ^ keys[0]);
      int32_t e = present.begin[r], u = 0;
      for (int32_t from = 0; from <= layer; ++from) {
        Best& best = growing[moves.place(from, layer)];
        for (; u < g.n_inputs + g.layer_begin[from]; ++u) {
          if (e < present.begin[r + 1] && present.source[e] == u) {
            ++e;
            continue;
          }
          const uint32_t hash = mix(row ^ (static_cast<uint32_t>(u) * 0x9E3779B1u + keys[1]));
          best.add({static_cast<float>(hash >> 8), r, u});  // 24 bits: a float holds them exactly
        }
      }
    }
  return growing.all();
}

std::vector<Candidate> Session::best_absent(const DataView& data, const EpochView& epoch, int32_t begin,
                                            const Moves& moves) {
  const Graph& g = model.graph();
  const int32_t n = std::min(epoch.n_score_samples, data.n_samples - begin);
  const int32_t lanes = epoch.group > 1 ? std::min(kernel_.max_lanes, epoch.group) : kernel_.max_lanes;
  make_tiles((n + lanes - 1) / lanes, true);
  std::vector<const float*> inputs, activations, deltas;  // one for each strip of samples
  for (size_t i = 0; i < tiles_.size(); ++i) {
    Tile& t = tiles_[i];
    const int32_t first = static_cast<int32_t>(i) * lanes;
    load(t, lanes, data, epoch.order + begin + first, std::min(lanes, n - first), epoch.group > 1);
    propagate(t, data.targets, 1.0f / static_cast<float>(n));
    for (int32_t k = 0; k < lanes; k += kStrip) {
      inputs.push_back(t.input + k);
      activations.push_back(t.activation + k);
      deltas.push_back(t.delta + k);
    }
  }
  model.clear_gradients();

  const int32_t n_strips = static_cast<int32_t>(deltas.size());
  std::vector<const float*> source(n_strips), delta(n_strips);
  const Present present(model, moves);
  const std::vector<int32_t> layer_of = model.layer_of_rows();
  std::vector<int32_t> next = present.begin;  // each row's first edge whose source has not been passed
  Growing growing(moves);
  float scores[kChunk];
  for (int32_t layer = -1; layer < g.n_layers - 1; ++layer) {  // layer of the sources; -1 is the inputs
    const int32_t layer_begin = layer < 0 ? 0 : g.n_inputs + g.layer_begin[layer];
    const int32_t layer_end = g.n_inputs + g.layer_begin[layer + 1];
    for (int32_t first = layer_begin; first < layer_end; first += kChunk) {
      const int32_t last = std::min(first + kChunk, layer_end);
      const int32_t stride = layer < 0 ? kGroup : lanes, row = layer < 0 ? first : first - g.n_inputs;
      for (int32_t k = 0; k < n_strips; ++k)
        source[k] = (layer < 0 ? inputs : activations)[k] + static_cast<ptrdiff_t>(row) * stride;
      for (int32_t r = g.layer_begin[layer + 1]; r < g.n_rows; ++r) {
        for (int32_t k = 0; k < n_strips; ++k) delta[k] = deltas[k] + static_cast<ptrdiff_t>(r) * lanes;
        kernel_.dots(source.data(), stride, last - first, delta.data(), n_strips, scores);
        for (int32_t& e = next[r]; e < present.begin[r + 1] && present.source[e] < last; ++e)
          scores[present.source[e] - first] = NAN;
        Best& best = growing[moves.place(layer + 1, layer_of[r])];
        for (int32_t u = first; u < last; ++u)
          if (!std::isnan(scores[u - first])) best.add({std::fabs(scores[u - first]), r, u});
      }
    }
  }
  make_tiles(kTilesAtOnce, false);
  return growing.all();
}

}  // namespace evonas
