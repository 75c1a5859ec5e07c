// What an instruction set brings: the arithmetic on a tile of samples. Plain pointers only, so that the files that are
// compiled with special flags share no inline code with the rest.
#pragma once

#include <cstdint>

namespace evonas {

constexpr int kGroup = 16;  // samples that lie side by side in packed inputs: one AVX-512 register
constexpr int kTile = 64;   // samples that go through the network together
constexpr float kNormEpsilon = 1e-5f;

enum Norm : int32_t { kLayer = 0, kLayerAffine = 1, kNone = 2 };

// An edge seen from its source.
struct OutEdge {
  int32_t row;   // target
  int32_t edge;  // index by target
};

// Edges [begin, end) from inputs into a row: all of the row's, or those whose sources lie in one block of inputs.
struct Segment {
  int32_t row, begin, end;
};

// A network without its parameters. Rows are the neurons but the inputs; sources are global: inputs first, then rows.
struct Graph {
  int32_t n_inputs, n_rows, n_layers, n_segments;
  const int32_t* layer_begin;   // (n_layers + 1) rows; the last layer is the outputs
  const int32_t* row_begin;     // (n_rows + 1) edges
  const int32_t* hidden_begin;  // (n_rows) a row's first edge that comes from a row
  const int32_t* source;        // (n_edges) ascending in a row
  const int32_t* out_begin;     // (n_rows + 1) out-edges
  const OutEdge* out;           // the edges from rows, by source
  const Segment* segments;      // the edges from inputs; the first n_rows are one for each row
};

struct Parameters {
  float *edge, *bias, *gain;
};

// The state of one tile. All rows have `lanes` floats, a multiple of kGroup, and only the first `n` lanes are samples; the
// others hold anything finite and get no gradient.
struct Tile {
  const float* inputs[kTile / kGroup];  // packed groups, [n_inputs][kGroup] each
  float* sums;        // [n_rows] the weighted sums, then normalised
  float* activation;  // [n_rows]
  float* delta;       // [n_rows] gradient of the loss: at the activation, then at the weighted sum
  float* scale;       // [n_layers] 1 / standard deviation
  int32_t sample[kTile];
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

struct Kernel {
  void (*forward)(const Graph&, const Parameters&, Norm, Tile&);
  // Sets the output rows of tile.delta to `weight` times the gradient of the samples' losses, and returns the sum of
  // their losses (not weighted).
  double (*loss)(const Graph&, const Targets&, float weight, Tile&);
  // Adds to `gradient`; leaves the gradient at the weighted sums in tile.delta.
  void (*backward)(const Graph&, const Parameters&, Norm, Tile&, Parameters& gradient);
  // Sets the gradient to 0 after use.
  void (*adam)(const AdamStep&, int64_t n, float* weight, float* gradient, float* first, float* second);
  // out[i] = sum over groups g of <a[g] + i * stride, b[g]>, each over kGroup lanes, for i < n.
  void (*dots)(const float* const* a, int32_t stride, int32_t n, const float* const* b, int32_t n_groups, float* out);
  // Copies a packed group with input dropout; `rows` are the hashes of its samples (see dropout.py).
  void (*drop)(const float* in, float* out, int32_t n_inputs, const uint32_t* rows, uint32_t key, uint32_t threshold,
               float scale);
};

extern const Kernel kGenericKernel;
#if defined(EVONAS_X86)
extern const Kernel kAvx2Kernel;
extern const Kernel kAvx512Kernel;
#endif

}  // namespace evonas
