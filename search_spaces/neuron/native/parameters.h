// Parameters under Adam, some of which share a value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "kernel.h"

namespace evonas {

// The values of `values` at `origin`; `missing` where that is -1.
template <class T>
void pick_from(std::vector<T>& values, const std::vector<int32_t>& origin, T missing) {
  std::vector<T> picked(origin.size(), missing);
  for (size_t i = 0; i < origin.size(); ++i)
    if (origin[i] >= 0) picked[i] = values[origin[i]];
  values.swap(picked);
}

// One kind of parameter: the weights of edges, or the biases or gains of rows. Each of its members has a value and a
// gradient, which the passes read and write; those of a group share a *slot*, which is what Adam moves: one value, one
// gradient, one pair of moments. Without groups the members are their own slots.
class ParameterSet {
 public:
  // Members of a group (-1: alone) begin with their mean.
  void assign(const float* values, const std::vector<int32_t>& group);
  // Goes on with the members at `origin`: an index into the present ones, or -1 for one that is new, alone and 0.
  void pick(const std::vector<int32_t>& origin);
  // Gives every member a slot of its own, with the moments of its group's.
  void release();
  // Keeps the values of some members from now on: they are not 0 in `fixed`, and in no group.
  void fix(const std::vector<uint8_t>& fixed);

  const std::vector<float>& values() const { return value_; }
  float* value() { return value_.data(); }
  float* gradient() { return gradient_.data(); }  // with kPadding zeros behind it
  size_t n_fixed() const { return fixed_.size(); }

  void clear_gradients();
  // Adds up the gradients of each group; to be called before the next two.
  void sum_gradients();
  // A slot counts once.
  double squared_norm() const;
  // One step; gradients are 0 then.
  void step(const Kernel& kernel, const AdamStep& rule);

 private:
  bool shared() const { return !slot_.empty(); }
  size_t n_slots() const { return first_.size(); }
  void copy_slots();

  std::vector<float> value_, gradient_;  // of every member
  std::vector<int32_t> slot_;            // of every member; empty without groups
  std::vector<float> slot_value_, slot_gradient_;  // empty without groups: those of the members are used
  std::vector<float> first_, second_;    // Adam's moments of every slot
  std::vector<std::pair<int32_t, float>> fixed_;  // slot and value
};

}  // namespace evonas
