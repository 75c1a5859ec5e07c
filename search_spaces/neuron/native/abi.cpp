// C interface that native.py loads with ctypes. No exception leaves it; every array was checked in Python.
#include <algorithm>
#include <cstring>
#include <new>

#include "session.h"

using namespace evonas;

#if defined(_WIN32)
#define EVONAS_API extern "C" __declspec(dllexport)
#else
#define EVONAS_API extern "C" __attribute__((visibility("default")))
#endif

namespace {

// Instruction sets, widest first.
struct InstructionSet {
  const char* name;
  const Kernel* kernel;
  bool supported;
};

const InstructionSet* instruction_sets(int32_t& count) {
#if defined(EVONAS_X86)
  static const InstructionSet sets[] = {
      {"avx512", &kAvx512Kernel,
       __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("fma")},
      {"avx2", &kAvx2Kernel, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")},
      {"generic", &kGenericKernel, true}};
#else
  static const InstructionSet sets[] = {{"generic", &kGenericKernel, true}};
#endif
  count = sizeof sets / sizeof *sets;
  return sets;
}

const Kernel* find_kernel(const char* name) {
  int32_t count;
  const InstructionSet* sets = instruction_sets(count);
  for (int32_t i = 0; i < count; ++i)
    if (sets[i].supported && !std::strcmp(sets[i].name, name)) return sets[i].kernel;
  return nullptr;
}

template <class Call>
Outcome guarded(Call call) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return Outcome::kOutOfMemory;
  }
}

}  // namespace

// Returns whether the machine has an instruction set.
EVONAS_API int32_t evonas_supports(const char* instruction_set) { return find_kernel(instruction_set) != nullptr; }

// Packs (n_samples, n_inputs) rows into groups: [ceil(n / kGroup)][n_inputs][kGroup].
EVONAS_API void evonas_pack(const float* rows, int32_t n_samples, int32_t n_inputs, float* groups) {
  for (int32_t begin = 0; begin < n_samples; begin += kGroup) {
    int32_t samples[kGroup];
    const int32_t n = std::min(kGroup, n_samples - begin);
    for (int32_t i = 0; i < n; ++i) samples[i] = begin + i;
    float* group = groups + static_cast<size_t>(begin) * n_inputs;
    std::fill_n(group, static_cast<size_t>(kGroup) * n_inputs, 0.0f);
    transpose(rows, samples, n, n_inputs, group);
  }
}

// Returns null if there is no memory for it.
EVONAS_API Session* evonas_open(const NetworkView* network, const char* instruction_set) {
  Session* session = nullptr;
  guarded([&] {
    session = new Session(*network, *find_kernel(instruction_set));
    return Outcome::kDone;
  });
  return session;
}

EVONAS_API void evonas_close(Session* session) { delete session; }

// Trains one epoch after the other until one does not end well; n_done have ended well.
EVONAS_API Outcome evonas_train_epochs(Session* session, const DataView* data, const EpochView* epochs,
                                       int32_t n_epochs, EpochResult* results, int32_t* n_done) {
  return guarded([&] { return session->train_epochs(*data, epochs, n_epochs, results, *n_done); });
}

EVONAS_API Outcome evonas_evaluate(Session* session, const DataView* data, float* outputs, double* loss) {
  return guarded([&] {
    *loss = session->evaluate(*data, outputs);
    return Outcome::kDone;
  });
}

EVONAS_API Outcome evonas_gradients(Session* session, const DataView* data, double* loss, float* edge, float* bias,
                                    float* gain) {
  return guarded([&] {
    session->model.release();  // a gradient for each edge and for each row
    *loss = session->gradients(*data);
    const Parameters gradients = session->model.gradients();
    for (int32_t e = 0; e < session->model.n_edges(); ++e) edge[session->model.edge_origin()[e]] = gradients.edge[e];
    std::copy_n(gradients.bias, session->model.n_rows(), bias);
    std::copy_n(gradients.gain, session->model.n_rows(), gain);
    return Outcome::kDone;
  });
}

EVONAS_API Outcome evonas_edge_scores(Session* session, const DataView* data, const int64_t* pairs, int64_t n,
                                      float* scores) {
  return guarded([&] {
    session->edge_scores(*data, pairs, n, scores);
    return Outcome::kDone;
  });
}

EVONAS_API Outcome evonas_statistics(Session* session, const DataView* data, double* mean, double* square,
                                     double* delta) {
  return guarded([&] {
    session->statistics(*data, mean, square, delta);
    return Outcome::kDone;
  });
}

EVONAS_API int32_t evonas_n_edges(const Session* session) { return session->model.n_edges(); }

// Returns the present network, in the neurons of the network that training started from: (source, target) pairs of
// global indices, each edge's index there (-1: grown since), its weight, and the biases and gains of the living rows.
EVONAS_API void evonas_export(Session* session, int32_t* edges, int32_t* origin, float* edge, float* bias,
                              float* gain) {
  Model& model = session->model;
  const Graph& g = model.graph();
  const Parameters parameters = model.parameters();
  for (int32_t e = 0; e < model.n_edges(); ++e) {
    const int32_t u = model.sources()[e];
    edges[2 * e] = u < g.n_inputs ? u : g.n_inputs + model.row_origin()[u - g.n_inputs];
    edges[2 * e + 1] = g.n_inputs + model.row_origin()[model.targets()[e]];
  }
  for (int32_t r = 0; r < g.n_rows; ++r) {
    bias[model.row_origin()[r]] = parameters.bias[g.row_slot[r]];
    gain[model.row_origin()[r]] = parameters.gain[g.row_slot[r]];
  }
  std::copy(model.edge_origin().begin(), model.edge_origin().end(), origin);
  for (int32_t e = 0; e < model.n_edges(); ++e) edge[e] = model.weight(e);
}
