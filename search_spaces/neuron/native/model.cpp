#include "model.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

namespace evonas {

namespace {

constexpr uint64_t kInner = uint64_t{1} << 31;  // sorts edges from rows behind all segments of edges from inputs

std::vector<int32_t> range(int32_t n) {
  std::vector<int32_t> values(n);
  std::iota(values.begin(), values.end(), 0);
  return values;
}

}  // namespace

Model::Model(const NetworkView& n)
    : largest_(n.largest),
      n_inputs_(n.n_inputs),
      norm_(static_cast<Norm>(n.norm)),
      layer_begin_(n.layer_begin, n.layer_begin + n.n_layers + 1),
      source_(n.source, n.source + n.n_edges),
      edge_origin_(range(n.n_edges)),
      row_origin_(range(n.n_rows)),
      frozen_(n.frozen, n.frozen + n.n_edges),
      activation_(n.activation, n.activation + n.n_rows) {
  for (int32_t r = 0; r < n.n_rows; ++r) row_.insert(row_.end(), n.row_begin[r + 1] - n.row_begin[r], r);
  std::vector<int32_t> tie(n.tie, n.tie + n.n_edges);
  for (int32_t e = 0; e < n.n_edges; ++e)
    if (frozen_[e]) tie[e] = -1;  // the others of its group continue without it
  edge_.assign(n.edge, tie);
  const std::vector<int32_t> channel(n.channel, n.channel + n.n_rows);
  bias_.assign(n.bias, channel);
  gain_.assign(n.gain, channel);
  if (largest_) {
    edge_step_.assign(n.edge_step, n.edge_step + n.n_edges);
    step_.assign(n.step, n.step + n.n_layers - 1);
    low_.assign(n.low, n.low + n.n_layers - 1);
    high_.assign(n.high, n.high + n.n_layers - 1);
  }
  if (norm_ == kNone)
    for (uint8_t& activation : activation_)
      if (activation == kNormed) activation = kRectified;
  rebuild_with(std::vector<uint8_t>(n.n_edges, 1), {});
}

void Model::index_graph() {
  const int32_t n_layers = static_cast<int32_t>(layer_begin_.size()) - 1;
  segment_begin_.assign(static_cast<size_t>(n_blocks_) * n_rows() + 1, 0);
  out_begin_.assign(n_rows() + 1, 0);
  inner_begin_.assign(n_rows() + 1, 0);
  const std::vector<int32_t> layer = layer_of_rows();
  for (int32_t e = 0; e < n_edges(); ++e)
    if (source_[e] < n_inputs_) {
      ++segment_begin_[segment_of(layer[row_[e]], row_[e], source_[e]) + 1];
    } else {
      ++out_begin_[source_[e] - n_inputs_ + 1];
      ++inner_begin_[row_[e] + 1];
    }
  std::partial_sum(segment_begin_.begin(), segment_begin_.end(), segment_begin_.begin());
  out_begin_[0] = segment_begin_.back();  // the edges from inputs come first
  std::partial_sum(out_begin_.begin(), out_begin_.end(), out_begin_.begin());
  std::partial_sum(inner_begin_.begin(), inner_begin_.end(), inner_begin_.begin());
  inner_source_.resize(inner_begin_.back());
  inner_slot_.resize(inner_begin_.back());
  std::vector<int32_t> next(inner_begin_.begin(), inner_begin_.end() - 1);
  for (int32_t e = segment_begin_.back(); e < n_edges(); ++e) {
    const int32_t i = next[row_[e]]++;
    inner_source_[i] = source_[e] - n_inputs_;
    inner_slot_[i] = edge_.slot_of(e);
  }
  inner_weight_.resize(edge_.shared() ? 0 : inner_slot_.size());
  round_weights();
  copy_inner_weights();
  row_slot_.resize(n_rows());
  for (int32_t r = 0; r < n_rows(); ++r) row_slot_[r] = bias_.slot_of(r);
  n_normed_.assign(n_layers, 0);
  for (int32_t r = 0; r < n_rows(); ++r) n_normed_[layer[r]] += activation_[r] == kNormed;
  std::vector<uint8_t> used(n_inputs_, 0);
  for (int32_t e = 0; e < segment_begin_.back(); ++e) used[source_[e]] = 1;
  used_input_.clear();
  for (int32_t i = 0; i < n_inputs_; ++i)
    if (used[i]) used_input_.push_back(i);
  graph_ = {n_inputs_,
            n_rows(),
            n_layers,
            n_blocks_,
            layer_begin_.data(),
            activation_.data(),
            n_normed_.data(),
            segment_begin_.data(),
            out_begin_.data(),
            source_.data(),
            row_.data(),
            inner_begin_.data(),
            inner_source_.data(),
            edge_.slots(),
            edge_.shared() ? inner_slot_.data() : nullptr,
            row_slot_.data(),
            static_cast<int32_t>(used_input_.size()),
            used_input_.data(),
            largest_ ? step_.data() : nullptr,
            low_.data(),
            high_.data(),
            (static_cast<int64_t>(used_input_.size()) << 16) / (2 * n_rows())};
}

void Model::copy_inner_weights() {
  const float* weight = edges_in_use();
  for (size_t i = 0; i < inner_weight_.size(); ++i) inner_weight_[i] = weight[inner_slot_[i]];
}

void Model::round_weights() {
  if (!largest_) return;
  const float largest = static_cast<float>(largest_);
  rounded_.assign(edge_.value(), edge_.value() + edge_.n_slots());
  for (int32_t e = 0; e < n_edges(); ++e) {
    if (edge_origin_[e] < 0) continue;
    const float step = edge_step_[edge_origin_[e]];
    const int32_t slot = edge_.slot_of(e);
    rounded_[slot] = std::nearbyint(std::clamp(edge_.value()[slot] / step, -largest, largest)) * step;
  }
}

void Model::clear_gradients() {
  for (ParameterSet* set : {&edge_, &bias_, &gain_}) set->clear_gradients();
}

void Model::update(const Kernel& kernel, AdamStep step, float clip_norm) {
  for (ParameterSet* set : {&edge_, &bias_, &gain_}) set->mask_gradients();
  if (clip_norm > 0) {
    const double square = edge_.squared_norm() + bias_.squared_norm() + gain_.squared_norm();
    step.gradient_scale = std::min(1.0f, static_cast<float>(clip_norm / (std::sqrt(square) + 1e-6)));
  }
  edge_.step(kernel, step);
  step.shrink = 1, step.decay = 0;  // only edges decay
  bias_.step(kernel, step);
  gain_.step(kernel, step);
  round_weights();
  copy_inner_weights();
}

void Model::release() {
  for (ParameterSet* set : {&edge_, &bias_, &gain_}) set->release();
  edge_.fix(frozen_);
  index_graph();
}

int32_t Model::segment_of(int32_t layer, int32_t row, int32_t input) const {
  const int32_t begin = layer_begin_[layer], end = layer_begin_[layer + 1];
  const int32_t block = static_cast<int32_t>(static_cast<int64_t>(input) * n_blocks_ / n_inputs_);
  return n_blocks_ * begin + block * (end - begin) + row - begin;
}

std::vector<int32_t> Model::layer_of_rows() const {
  std::vector<int32_t> layer(layer_begin_.back());
  for (size_t l = 0; l + 1 < layer_begin_.size(); ++l)
    std::fill(layer.begin() + layer_begin_[l], layer.begin() + layer_begin_[l + 1], static_cast<int32_t>(l));
  return layer;
}

void Model::choose_blocks(int64_t n_from_inputs) {
  constexpr int64_t kInputs = 128;  // their activations, 32 KB in a tile of 64, fit the first-level cache
  constexpr int64_t kEdges = 12;    // shorter segments cost more than they save
  const int64_t most = (n_inputs_ + kInputs - 1) / kInputs;
  n_blocks_ = static_cast<int32_t>(std::clamp<int64_t>(n_from_inputs / (n_rows() * kEdges), 1, most));
}

void Model::choose_by_weight(const std::vector<int32_t>& among, int64_t count, bool largest,
                             std::vector<uint8_t>& chosen) const {
  if (count == 0) return;
  std::vector<float> rank(among.size());
  for (size_t i = 0; i < among.size(); ++i) {
    const float weight = std::fabs(edge_.value_of(among[i]));
    const float size = frozen_[among[i]] ? INFINITY : weight >= 0 ? weight : 0;  // NaN has no order
    rank[i] = largest ? size : -size;
  }
  std::vector<float> sorted = rank;
  std::nth_element(sorted.begin(), sorted.begin() + (count - 1), sorted.end(), std::greater<float>());
  const float least = sorted[count - 1];
  std::vector<int32_t> equal;
  for (size_t i = 0; i < among.size(); ++i) {
    if (rank[i] > least) chosen[among[i]] = 1, --count;
    if (rank[i] == least) equal.push_back(among[i]);
  }
  std::sort(equal.begin(), equal.end(), [this](int32_t a, int32_t b) {
    return row_[a] != row_[b] ? row_[a] < row_[b] : source_[a] < source_[b];
  });
  for (int64_t i = 0; i < count; ++i) chosen[equal[i]] = 1;
}

void Model::prune(int32_t keep) {
  const int64_t count = std::max<int64_t>(keep, static_cast<int64_t>(edge_.n_fixed()));
  if (count >= n_edges()) return;
  std::vector<uint8_t> kept(n_edges(), 0);
  choose_by_weight(range(n_edges()), count, true, kept);
  rebuild_with(kept, {});
}

Moves Model::moves(double share, bool by_pair) const {
  const int32_t n_layers = static_cast<int32_t>(layer_begin_.size()) - 1;
  Moves moves{std::vector<uint8_t>(n_edges(), 0), {}, n_layers, by_pair};
  std::vector<std::vector<int32_t>> places(by_pair ? static_cast<size_t>(n_layers) * n_layers : 1);
  const std::vector<int32_t> layer = layer_of_rows();
  for (int32_t e = 0; e < n_edges(); ++e) {
    const int32_t from = source_[e] < n_inputs_ ? 0 : 1 + layer[source_[e] - n_inputs_];
    places[moves.place(from, layer[row_[e]])].push_back(e);
  }
  for (const std::vector<int32_t>& edges : places) {
    int64_t count = std::llrint(share * static_cast<double>(edges.size()));
    count = std::min<int64_t>(count, std::count_if(edges.begin(), edges.end(), [&](int32_t e) { return !frozen_[e]; }));
    if (!by_pair) count = std::min(count, n_absent());
    choose_by_weight(edges, count, false, moves.kept);
    moves.growing.push_back(count);
  }
  for (uint8_t& kept : moves.kept) kept = !kept;  // so far they were those that go
  return moves;
}

int64_t Model::n_absent() const {
  int64_t absent = -static_cast<int64_t>(n_edges());
  for (size_t layer = 0; layer + 1 < layer_begin_.size(); ++layer)
    absent += static_cast<int64_t>(layer_begin_[layer + 1] - layer_begin_[layer]) * (n_inputs_ + layer_begin_[layer]);
  return absent;
}

void Model::regrow(const Moves& moves, const std::vector<Candidate>& grown) {
  const auto before = [](const Edge& a, const Edge& b) { return a.row != b.row ? a.row < b.row : a.source < b.source; };
  EdgeList dropped;
  for (int32_t e = 0; e < n_edges(); ++e)
    if (!moves.kept[e]) dropped.push_back({row_[e], source_[e], e});
  std::sort(dropped.begin(), dropped.end(), before);
  std::vector<uint8_t> kept = moves.kept;
  std::vector<Candidate> fresh;
  for (const Candidate& c : grown) {
    const auto place = std::lower_bound(dropped.begin(), dropped.end(), Edge{c.row, c.source, -1}, before);
    if (place != dropped.end() && place->row == c.row && place->source == c.source)
      kept[place->origin] = 1;
    else
      fresh.push_back(c);
  }
  rebuild_with(kept, fresh);
}

void Model::rebuild_with(const std::vector<uint8_t>& kept, const std::vector<Candidate>& grown) {
  EdgeList edges;
  for (int32_t e = 0; e < n_edges(); ++e)
    if (kept[e]) edges.push_back({row_[e], source_[e], e});
  for (const Candidate& c : grown) edges.push_back({c.row, c.source, -1});
  rebuild(std::move(edges));
}

// Returns the rows, by global index, that remain after hidden rows without inputs or outputs are removed, in cascade.
std::vector<uint8_t> Model::living(const EdgeList& edges) const {
  std::vector<uint8_t> alive(n_inputs_ + n_rows(), 1);
  for (bool changed = true; changed;) {
    std::vector<uint8_t> fed(alive.size(), 0), used(alive.size(), 0);
    for (const Edge& edge : edges)
      if (alive[n_inputs_ + edge.row] && alive[edge.source]) fed[n_inputs_ + edge.row] = used[edge.source] = 1;
    changed = false;
    for (int32_t u = n_inputs_; u < n_inputs_ + n_rows() - n_outputs(); ++u)
      if (alive[u] && !(fed[u] && used[u])) alive[u] = 0, changed = true;
  }
  return alive;
}

// Keeps the living rows and squeezes empty layers out; returns the new global index of every old one.
std::vector<int32_t> Model::renumber(const std::vector<uint8_t>& alive) {
  std::vector<int32_t> rows, new_index(alive.size()), layer_begin = {0};
  std::iota(new_index.begin(), new_index.begin() + n_inputs_, 0);
  for (size_t layer = 0; layer + 1 < layer_begin_.size(); ++layer) {
    for (int32_t r = layer_begin_[layer]; r < layer_begin_[layer + 1]; ++r)
      if (alive[n_inputs_ + r]) {
        new_index[n_inputs_ + r] = n_inputs_ + static_cast<int32_t>(rows.size());
        rows.push_back(r);
      }
    const int32_t end = static_cast<int32_t>(rows.size());
    if (end > layer_begin.back()) layer_begin.push_back(end);
  }
  layer_begin_.swap(layer_begin);
  bias_.pick(rows);
  gain_.pick(rows);
  pick_from(row_origin_, rows, -1);
  pick_from(activation_, rows, uint8_t{0});
  return new_index;
}

// Sorts edges into the order of the parameters: by segment, then by source and row (see kernel.h).
void Model::sort_by_visit(EdgeList& edges) {
  const auto n_from_inputs =
      std::count_if(edges.begin(), edges.end(), [this](const Edge& edge) { return edge.source < n_inputs_; });
  choose_blocks(n_from_inputs);
  const std::vector<int32_t> layer = layer_of_rows();
  for (Edge& edge : edges) {
    const bool input = edge.source < n_inputs_;
    const uint64_t major = input ? segment_of(layer[edge.row], edge.row, edge.source) : kInner + edge.source;
    edge.visit = major << 32 | static_cast<uint32_t>(input ? edge.source : edge.row);
  }
  const auto before = [](const Edge& a, const Edge& b) { return a.visit < b.visit; };
  // Pruning keeps the order, and sorting would cost more than the steps between two prunings of a small network.
  if (!std::is_sorted(edges.begin(), edges.end(), before)) std::sort(edges.begin(), edges.end(), before);
}

void Model::rebuild(EdgeList edges) {
  const std::vector<uint8_t> alive = living(edges);
  const auto dead = [&](const Edge& edge) { return !alive[n_inputs_ + edge.row] || !alive[edge.source]; };
  edges.erase(std::remove_if(edges.begin(), edges.end(), dead), edges.end());
  const std::vector<int32_t> new_index = renumber(alive);
  for (Edge& edge : edges) {
    edge.row = new_index[n_inputs_ + edge.row] - n_inputs_;
    edge.source = new_index[edge.source];
  }
  sort_by_visit(edges);
  std::vector<int32_t> origin;
  origin.reserve(edges.size());
  row_.clear(), source_.clear();
  for (const Edge& edge : edges) {
    row_.push_back(edge.row);
    source_.push_back(edge.source);
    origin.push_back(edge.origin);
  }
  edge_.pick(origin);
  pick_from(edge_origin_, origin, -1);
  pick_from(frozen_, origin, uint8_t{0});
  edge_.fix(frozen_);
  index_graph();
}

}  // namespace evonas
