#include "parameters.h"

#include <algorithm>
#include <unordered_map>

namespace evonas {

void ParameterSet::assign(const float* values, const std::vector<int32_t>& group) {
  value_.assign(values, values + group.size());
  slot_ = {};
  if (std::any_of(group.begin(), group.end(), [](int32_t g) { return g >= 0; })) average(group);
  gradient_.assign(value_.size() + kPadding, 0);
  first_.assign(value_.size(), 0);
  second_.assign(value_.size(), 0);
}

void ParameterSet::average(const std::vector<int32_t>& group) {
  slot_.resize(group.size());
  std::unordered_map<int32_t, int32_t> slot_of_group;
  std::vector<double> total, count;
  for (size_t i = 0; i < group.size(); ++i) {
    const int32_t next = static_cast<int32_t>(total.size());
    slot_[i] = group[i] < 0 ? next : slot_of_group.emplace(group[i], next).first->second;
    if (slot_[i] == next) total.push_back(0), count.push_back(0);
    total[slot_[i]] += value_[i];
    ++count[slot_[i]];
  }
  value_.resize(total.size());
  for (size_t s = 0; s < total.size(); ++s) value_[s] = static_cast<float>(total[s] / count[s]);
  if (value_.size() == slot_.size()) slot_ = {};
}

void ParameterSet::pick(const std::vector<int32_t>& origin) {
  if (!shared()) {
    for (std::vector<float>* values : {&value_, &first_, &second_}) pick_from(*values, origin, 0.0f);
  } else {
    // Slots are numbered as their first members come, so that those that lie together are used together.
    std::vector<int32_t> new_slot(value_.size(), -1), old_slot, slot(origin.size());
    for (size_t i = 0; i < origin.size(); ++i) {
      const int32_t next = static_cast<int32_t>(old_slot.size()), old = origin[i] < 0 ? -1 : slot_[origin[i]];
      slot[i] = old >= 0 && new_slot[old] >= 0 ? new_slot[old] : next;
      if (slot[i] != next) continue;
      if (old >= 0) new_slot[old] = next;
      old_slot.push_back(old);
    }
    for (std::vector<float>* values : {&value_, &first_, &second_}) pick_from(*values, old_slot, 0.0f);
    slot_.swap(slot);
    if (value_.size() == slot_.size()) slot_ = {};
  }
  gradient_.assign(value_.size() + kPadding, 0);
}

void ParameterSet::release() {
  if (!shared()) return;
  for (std::vector<float>* values : {&value_, &gradient_, &first_, &second_}) pick_from(*values, slot_, 0.0f);
  gradient_.resize(value_.size() + kPadding, 0);
  slot_ = {};
}

void ParameterSet::fix(const std::vector<uint8_t>& fixed) {
  fixed_.clear();
  for (size_t i = 0; i < fixed.size(); ++i)
    if (fixed[i]) fixed_.emplace_back(slot_of(i), value_of(i));
}

void ParameterSet::clear_gradients() { std::fill(gradient_.begin(), gradient_.end(), 0.0f); }

void ParameterSet::mask_gradients() {
  for (const auto& [slot, value] : fixed_) gradient_[slot] = 0;
}

double ParameterSet::squared_norm() const {
  double total = 0;
  for (const float x : gradient_) total += static_cast<double>(x) * x;
  return total;
}

void ParameterSet::step(const Kernel& kernel, const AdamStep& rule) {
  const int64_t n = static_cast<int64_t>(value_.size());
  kernel.adam(rule, n, value_.data(), gradient_.data(), first_.data(), second_.data());
  for (const auto& [slot, value] : fixed_) value_[slot] = value;
}

}  // namespace evonas
