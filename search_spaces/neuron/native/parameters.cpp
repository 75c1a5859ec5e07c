#include "parameters.h"

#include <algorithm>
#include <unordered_map>

namespace evonas {

void ParameterSet::assign(const float* values, const std::vector<int32_t>& group) {
  const size_t n = group.size();
  value_.assign(values, values + n);
  gradient_.assign(n + kPadding, 0);
  slot_.clear();
  std::unordered_map<int32_t, int32_t> slots;  // of each group
  int32_t n_slots = 0;
  for (size_t i = 0; i < n; ++i) {
    const bool first = group[i] < 0 || slots.emplace(group[i], n_slots).second;
    slot_.push_back(first ? n_slots : slots[group[i]]);
    n_slots += first;
  }
  first_.assign(n_slots, 0);
  second_.assign(n_slots, 0);
  std::vector<double> total(n_slots, 0), count(n_slots, 0);
  for (size_t i = 0; i < n; ++i) total[slot_[i]] += value_[i], ++count[slot_[i]];
  slot_value_.resize(n_slots);
  for (int32_t s = 0; s < n_slots; ++s) slot_value_[s] = static_cast<float>(total[s] / count[s]);
  slot_gradient_.assign(n_slots, 0);
  copy_slots();
  if (n_slots == static_cast<int32_t>(n)) release();
}

void ParameterSet::pick(const std::vector<int32_t>& origin) {
  gradient_.assign(origin.size() + kPadding, 0);
  if (!shared()) {
    for (std::vector<float>* values : {&value_, &first_, &second_}) pick_from(*values, origin, 0.0f);
    return;
  }
  std::vector<int32_t> new_slot(n_slots(), -1), old_slot, slot(origin.size());
  for (size_t i = 0; i < origin.size(); ++i) {
    const int32_t old = origin[i] < 0 ? -1 : slot_[origin[i]];
    if (old >= 0 && new_slot[old] >= 0) {
      slot[i] = new_slot[old];
      continue;
    }
    slot[i] = static_cast<int32_t>(old_slot.size());
    if (old >= 0) new_slot[old] = slot[i];
    old_slot.push_back(old);
  }
  slot_.swap(slot);
  for (std::vector<float>* values : {&slot_value_, &first_, &second_}) pick_from(*values, old_slot, 0.0f);
  slot_gradient_.assign(old_slot.size(), 0);
  value_.resize(slot_.size());
  copy_slots();
  if (n_slots() == slot_.size()) release();
}

void ParameterSet::release() {
  if (!shared()) return;
  for (std::vector<float>* moments : {&first_, &second_}) pick_from(*moments, slot_, 0.0f);
  for (std::vector<float>* values : {&slot_value_, &slot_gradient_}) std::vector<float>().swap(*values);
  std::vector<int32_t>().swap(slot_);
}

void ParameterSet::fix(const std::vector<uint8_t>& fixed) {
  fixed_.clear();
  for (size_t i = 0; i < fixed.size(); ++i)
    if (fixed[i]) fixed_.emplace_back(shared() ? slot_[i] : static_cast<int32_t>(i), value_[i]);
}

void ParameterSet::clear_gradients() { std::fill(gradient_.begin(), gradient_.end(), 0.0f); }

void ParameterSet::sum_gradients() {
  for (size_t i = 0; i < slot_.size(); ++i) {
    slot_gradient_[slot_[i]] += gradient_[i];
    gradient_[i] = 0;
  }
  float* gradient = shared() ? slot_gradient_.data() : gradient_.data();
  for (const auto& [slot, value] : fixed_) gradient[slot] = 0;
}

double ParameterSet::squared_norm() const {
  double total = 0;
  for (const float x : shared() ? slot_gradient_ : gradient_) total += static_cast<double>(x) * x;
  return total;
}

void ParameterSet::step(const Kernel& kernel, const AdamStep& rule) {
  float* value = shared() ? slot_value_.data() : value_.data();
  float* gradient = shared() ? slot_gradient_.data() : gradient_.data();
  kernel.adam(rule, static_cast<int64_t>(n_slots()), value, gradient, first_.data(), second_.data());
  for (const auto& [slot, fixed] : fixed_) value[slot] = fixed;
  copy_slots();
}

void ParameterSet::copy_slots() {
  for (size_t i = 0; i < slot_.size(); ++i) value_[i] = slot_value_[slot_[i]];
}

}  // namespace evonas
