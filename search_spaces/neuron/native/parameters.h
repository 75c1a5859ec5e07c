// Parameters under Adam, some of which share a value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "kernel.h"

namespace evonas {

// Returns the values of `values` at `origin`, and `missing` for -1.
template <class T>
void pick_from(std::vector<T>& values, const std::vector<int32_t>& origin, T missing) {
  std::vector<T> picked(origin.size(), missing);
  for (size_t i = 0; i < origin.size(); ++i)
    if (origin[i] >= 0) picked[i] = values[origin[i]];
  values.swap(picked);
}

// Parameters of one kind: the weights of edges, or the biases or gains of rows. Members are in *slots*: those of a
// group in one, all others in one of their own. A slot has a value, a gradient and a pair of moments.
class ParameterSet {
 public:
  // Sets the members of a group (-1: none) to their mean.
  void assign(const float* values, const std::vector<int32_t>& group);
  // Continues with the members at `origin`: an index into the present ones, or -1 for a new one with value 0.
  void pick(const std::vector<int32_t>& origin);
  // Gives every member a slot of its own, with its group's value, gradient and moments.
  void release();
  // Fixes the values of the members that are not 0 in `fixed`; they are in no group.
  void fix(const std::vector<uint8_t>& fixed);

  bool shared() const { return !slot_.empty(); }
  // Slot of every member; null if member i has slot i.
  const int32_t* slots() const { return shared() ? slot_.data() : nullptr; }
  int32_t slot_of(size_t member) const { return shared() ? slot_[member] : static_cast<int32_t>(member); }
  float value_of(size_t member) const { return value_[slot_of(member)]; }
  size_t n_slots() const { return value_.size(); }
  size_t n_fixed() const { return fixed_.size(); }
  float* value() { return value_.data(); }
  float* gradient() { return gradient_.data(); }  // followed by kPadding zeros

  void clear_gradients();
  // Sets the gradients of fixed members to 0; to be called before the next two.
  void mask_gradients();
  double squared_norm() const;
  // Takes one step, then sets gradients to 0.
  void step(const Kernel& kernel, const AdamStep& rule);

 private:
  // Makes the slots of members that have none yet.
  void average(const std::vector<int32_t>& group);

  std::vector<float> value_, gradient_, first_, second_;  // by slot
  std::vector<int32_t> slot_;                             // by member; empty if member i has slot i
  std::vector<std::pair<int32_t, float>> fixed_;          // slot and value
};

}  // namespace evonas
