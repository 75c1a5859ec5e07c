// What an instruction set brings: the arithmetic on a tile of samples. Plain pointers only, so that the files that are
// compiled with special flags share no inline code with the rest.
#pragma once

#include <cstdint>

namespace evonas {

constexpr int kGroup = 16;     // samples that lie side by side in packed inputs
constexpr int kMaxLanes = 64;  // samples that go through the network together, at most
constexpr float kNormEpsilon = 1e-5f;

enum Norm : int32_t { kLayer = 0, kLayerAffine = 1, kNone = 2 };

// A network without its parameters. Rows are the neurons but the inputs; neurons are counted globally, inputs first,
// then rows. Edge parameters are in the order in which the backward pass visits them: the edges from inputs by segment,
// then the edges from rows by source. The forward pass reads the latter by target, from a copy.
struct Graph {
  int32_t n_inputs, n_rows, n_layers, n_blocks;
  const int32_t* layer_begin;  // (n_layers + 1) rows; the last layer is the outputs
  // The edges from inputs are cut into segments: those of a row whose sources are in one of n_blocks blocks of inputs.
  // Segments are sorted by layer, block and row.
  const int32_t* segment_begin;  // (n_blocks * n_rows + 1) edges
  const int32_t* out_begin;      // (n_rows + 1) edges from each row
  const int32_t* source;         // (n_edges) global
  const int32_t* target;         // (n_edges) row
  const int32_t* inner_begin;    // (n_rows + 1) edges from rows, by target
  const int32_t* inner_source;   // their sources, global
};

struct Parameters {
  float *edge, *bias, *gain;
  float* inner;  // the weights of edges from rows, by target
};

// The state of one tile. All rows have `lanes` floats, a multiple of kGroup, and only the first `n` lanes are samples;
// the others hold anything finite and get no gradient.
struct Tile {
  float* activation;  // [n_inputs + n_rows]
  float* normalised;  // [n_rows] the weighted sums, then normalised
  float* delta;       // [n_rows] gradient of the loss: at the activation, then at the weighted sum
  float* scale;       // [n_layers] 1 / standard deviation
  int32_t sample[kMaxLanes];
  int32_t n, lanes;
};

struct Targets {
  const int32_t* labels;  // (n_samples), or null for regression
  const float* values;    // (n_samples, n_outputs): regression targets, null for classification
  const float* teacher;   // (n_samples, n_outputs) class probabilities, or null
  float smoothing, distillation;
};

// One step of Adam (Kingma 2014, https://arxiv.org/abs/1412.6980) or AdamW (Loshchilov 2017,
// https://arxiv.org/abs/1711.05101).
struct AdamStep {
  float rate;            // learning rate / (1 - beta1**t)
  float second_scale;    // 1 / sqrt(1 - beta2**t)
  float shrink;          // weights are multiplied with this first: 1 - learning rate * decay for AdamW
  float decay;           // times the weight, added to the gradient: for Adam
  float gradient_scale;  // gradient clipping
};

// Which inputs of a batch are dropped; see dropout.py.
struct Dropout {
  uint32_t sample_key, input_key, threshold;
  float scale;
};

struct Kernel {
  int32_t max_lanes;  // four registers a row
  // Copies packed groups, [n_inputs][kGroup] each, side by side into tile.activation.
  void (*load)(const float* const* groups, int32_t n_inputs, Tile&);
  void (*drop)(const Dropout&, int32_t n_inputs, Tile&);
  void (*forward)(const Graph&, const Parameters&, Norm, Tile&);
  // Sets the output rows of tile.delta to `weight` times the gradient of the samples' losses, and returns the sum of
  // their losses (not weighted).
  double (*loss)(const Graph&, const Targets&, float weight, Tile&);
  // Adds to `gradient`; leaves the gradient at the weighted sums in tile.delta.
  void (*backward)(const Graph&, const Parameters&, Norm, Tile&, const Parameters& gradient);
  // Sets the gradient to 0 after use.
  void (*adam)(const AdamStep&, int64_t n, float* weight, float* gradient, float* first, float* second);
  // out[i] = sum over groups g of <a[g] + i * stride, b[g]>, each over kGroup lanes, for i < n.
  void (*dots)(const float* const* a, int32_t stride, int32_t n, const float* const* b, int32_t n_groups, float* out);
};

extern const Kernel kGenericKernel;
#if defined(EVONAS_X86)
extern const Kernel kAvx2Kernel;
extern const Kernel kAvx512Kernel;
#endif

}  // namespace evonas
