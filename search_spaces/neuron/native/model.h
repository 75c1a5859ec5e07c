// Network with its parameters and the optimiser's state, and the changes of its structure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernel.h"
#include "parameters.h"

namespace evonas {

// Absent edge, and the sensitivity of the loss to it.
struct Candidate {
  float score;
  int32_t row, source;
};

// What goes in a step of regrowth, and how much comes in its place.
struct Moves {
  std::vector<uint8_t> kept;     // (n_edges)
  std::vector<int64_t> growing;  // edges that grow: between each two layers, by place(); or anywhere, one number
  int32_t n_layers;
  bool by_pair;  // then an edge that has been dropped may grow again, and keeps its weight; else it cannot

  // Where edges between two layers are counted: `from` is 0 for inputs, else 1 + the layer of the sources.
  size_t place(int32_t from, int32_t to) const { return by_pair ? static_cast<size_t>(from) * n_layers + to : 0; }
  bool any() const {
    for (const int64_t count : growing)
      if (count > 0) return true;
    return false;
  }
};

// Initial network. Rows are the neurons but the inputs, sources are global (see kernel.h).
struct NetworkView {
  int32_t n_inputs, n_rows, n_layers, n_edges, norm;
  int32_t largest;             // weights are rounded to integers of at most this size, times edge_step; 0: they are not
  const int32_t* layer_begin;  // (n_layers + 1) rows
  const int32_t* row_begin;    // (n_rows + 1) edges
  const int32_t* source;       // (n_edges)
  const int32_t* tie;          // (n_edges) edges with the same number share a weight; -1 is untied
  const int32_t* channel;      // (n_rows) rows with the same number share bias and gain; -1 is untied
  const uint8_t* activation;   // (n_rows) an Activation; outputs are kLinear
  const uint8_t* frozen;       // (n_edges)
  const float *edge, *bias, *gain;
  const float* edge_step;           // (n_edges); read if largest is not 0, as are the next
  const float *step, *low, *high;   // (n_layers - 1), see Graph
};

class Model {
 public:
  explicit Model(const NetworkView& network);
  Model(const Model&) = delete;  // graph_ points into it

  const Graph& graph() const { return graph_; }
  Norm norm() const { return norm_; }
  Parameters parameters() {
    return {edges_in_use(), bias_.value(), gain_.value(), inner_weight_.data()};
  }
  // Gradients by slot, as the parameters.
  Parameters gradients() { return {edge_.gradient(), bias_.gradient(), gain_.gradient(), nullptr}; }
  int32_t n_edges() const { return static_cast<int32_t>(source_.size()); }
  int32_t n_rows() const { return static_cast<int32_t>(row_origin_.size()); }
  int32_t n_outputs() const { return n_rows() - layer_begin_[layer_begin_.size() - 2]; }
  // Weight of an edge as passes read it.
  float weight(int32_t edge) { return edges_in_use()[edge_.slot_of(edge)]; }
  // Global indices of the source and row of the target of every edge, in the order of the parameters (see kernel.h).
  const std::vector<int32_t>& sources() const { return source_; }
  const std::vector<int32_t>& targets() const { return row_; }
  // Index of every edge in the network that training started from, -1 for those grown since.
  const std::vector<int32_t>& edge_origin() const { return edge_origin_; }
  // Row of every row in the network that training started from.
  const std::vector<int32_t>& row_origin() const { return row_origin_; }

  void clear_gradients();
  // Takes one optimiser step with the gradients of the mean loss, then sets them to 0. clip_norm 0 is no clipping.
  void update(const Kernel& kernel, AdamStep step, float clip_norm);
  // Ends all sharing: every edge and every row continues with its own parameters and its group's moments. Slot i is
  // then that of edge or row i.
  void release();
  // Keeps the `keep` edges with the largest weights (frozen ones always), then drops dead rows.
  void prune(int32_t keep);
  // The smallest weights that are not frozen go: a share of those between each two layers, or of all, then no more than
  // are absent.
  Moves moves(double share, bool by_pair) const;
  // Goes on with the edges that are kept and those that grow, then drops dead rows.
  void regrow(const Moves& moves, const std::vector<Candidate>& grown);
  std::vector<int32_t> layer_of_rows() const;

 private:
  struct Edge {
    int32_t row, source;
    int32_t origin;  // as in ParameterSet::pick
    uint64_t visit = 0;
  };
  using EdgeList = std::vector<Edge>;

  // Sets the flags in `chosen` of the `count` edges of `among` with the largest or smallest weights, of equal ones the
  // earlier by target and source; frozen ones count as the largest of all.
  void choose_by_weight(const std::vector<int32_t>& among, int64_t count, bool largest,
                        std::vector<uint8_t>& chosen) const;
  int64_t n_absent() const;
  // Continues with the kept and the grown edges.
  void rebuild_with(const std::vector<uint8_t>& kept, const std::vector<Candidate>& grown);
  // Continues with other edges, in any order, without dead rows and empty layers.
  void rebuild(EdgeList edges);
  std::vector<uint8_t> living(const EdgeList& edges) const;
  std::vector<int32_t> renumber(const std::vector<uint8_t>& alive);
  void sort_by_visit(EdgeList& edges);
  // Cuts the inputs into blocks if rows have enough edges from each to pay for one more pass over the rows.
  void choose_blocks(int64_t n_from_inputs);
  int32_t segment_of(int32_t layer, int32_t row, int32_t input) const;
  void index_graph();
  void copy_inner_weights();
  void round_weights();
  float* edges_in_use() { return largest_ ? rounded_.data() : edge_.value(); }

  int32_t largest_;
  std::vector<float> edge_step_, step_, low_, high_;  // grids; the first by edge_origin()
  std::vector<float> rounded_;                        // weights by slot; empty if they are not rounded
  int32_t n_inputs_, n_blocks_ = 1;
  Norm norm_;
  std::vector<int32_t> layer_begin_, row_, source_, edge_origin_, row_origin_;
  std::vector<uint8_t> frozen_, activation_;
  ParameterSet edge_, bias_, gain_;
  // Derived by index_graph().
  std::vector<int32_t> segment_begin_, out_begin_, inner_begin_, inner_source_, inner_slot_, row_slot_,
       used_input_, n_normed_;
  std::vector<float> inner_weight_;
  Graph graph_{};
};

}  // namespace evonas
