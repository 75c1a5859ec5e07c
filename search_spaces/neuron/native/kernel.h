// Arithmetic of an instruction set on a tile of samples. It uses plain pointers only, so that the files that are
// compiled with special flags share no inline code with the rest.
#pragma once

#include <cstdint>

namespace evonas {

constexpr int kGroup = 64;  // samples that are adjacent in packed inputs, and pass the network together
constexpr int kStrip = 16;  // a tile has a multiple of this many samples
constexpr int kPadding = 3;  // gradients of edges are added four at a time if no edges share
constexpr float kNormEpsilon = 1e-5f;

enum Norm : int32_t { kLayer = 0, kLayerAffine = 1, kNone = 2 };
// Function of a row's weighted sum z: kNormed is that of Norm, over the rows of its layer that are kNormed; the others
// are relu(z + b) and z + b. Without a norm no row is kNormed.
enum Activation : uint8_t { kNormed = 0, kRectified = 1, kLinear = 2 };

// Network without its parameters. Rows are the neurons but the inputs; neurons are counted globally, inputs first,
// then rows. Edge parameters are in the order in which the backward pass visits them: the edges from inputs by segment,
// then the edges from rows by source. The forward pass reads the latter by target, from a copy. Parameters that are
// shared are stored once, in slots: those of edge e are in slot[e], those of row r in row_slot[r].
struct Graph {
  int32_t n_inputs, n_rows, n_layers, n_blocks;
  const int32_t* layer_begin;  // (n_layers + 1) rows; the last layer is the outputs
  const uint8_t* activation;   // (n_rows) an Activation; outputs are kLinear
  const int32_t* n_normed;     // (n_layers) rows that are kNormed
  // Edges from inputs are cut into segments: those of a row whose sources are in one of n_blocks blocks of inputs.
  // Segments are sorted by layer, block and row.
  const int32_t* segment_begin;  // (n_blocks * n_rows + 1) edges
  const int32_t* out_begin;      // (n_rows + 1) edges from each row
  const int32_t* source;         // (n_edges) global
  const int32_t* target;         // (n_edges) row
  const int32_t* inner_begin;    // (n_rows + 1) edges from rows, by target
  const int32_t* inner_source;   // their sources: rows
  const int32_t* slot;           // (n_edges) or null: edge e is in slot e, and Parameters::inner is read
  const int32_t* inner_slot;     // those of edges from rows, by target; or null
  const int32_t* row_slot;       // (n_rows)
  int32_t n_used_inputs;
  const int32_t* used_input;     // (n_used_inputs) inputs that have edges
  // Grids of an integer network, null for none: activations of a hidden layer are rounded to integers from low to high
  // times a step.
  const float *step, *low, *high;  // (n_layers - 1)
  int64_t fetched;               // used inputs at each visit of a row, forward and backward; times 2**16
};

struct Parameters {
  float *edge, *bias, *gain;  // by slot
  float* inner;  // weights of edges from rows, by target; not read if edges share
};

// State of one tile. All rows have `lanes` floats, a multiple of kStrip, and only the first `n` lanes are samples; the
// others hold arbitrary finite values and get no gradient.
struct Tile {
  const float* input;  // [n_inputs], kGroup floats apart: read from the packed inputs
  const float* next;   // inputs of the next tile, to be fetched from memory meanwhile; or null
  float* activation;   // [n_rows]
  float* normalised;  // [n_rows] weighted sums, then normalised for normed rows
  float* delta;       // [n_rows] gradient of the loss: at the activation, then at the weighted sum
  float* scale;       // [n_layers] 1 / standard deviation of the rows that are normed
  const float* mask;  // [n_rows] what the activations of hidden rows are multiplied with; or null
  int32_t sample[kGroup];
  int32_t n, lanes;
};

struct Targets {
  const int32_t* labels;  // (n_samples), or null for regression
  const float* values;    // (n_samples, n_outputs): regression targets, null for classification
  const float* teacher;   // (n_samples, n_outputs) class probabilities or regression targets, or null
  float smoothing, teacher_weight;
  const float* weights;  // (n_samples) factor of a sample's loss, or null: 1
};

// Step of Adam (Kingma 2014, https://arxiv.org/abs/1412.6980) or AdamW (Loshchilov 2017,
// https://arxiv.org/abs/1711.05101).
struct AdamStep {
  float rate;            // learning rate / (1 - beta1**t)
  float second_scale;    // 1 / sqrt(1 - beta2**t)
  float shrink;          // first factor of weights: 1 - learning rate * decay for AdamW
  float decay;           // times the weight, added to the gradient: for Adam
  float gradient_scale;  // gradient clipping
};

// Which inputs, or hidden rows by their global index, are dropped in a batch; see counter_rng.py.
struct Dropout {
  uint32_t sample_key, input_key, threshold;
  float scale;
};

struct Kernel {
  int32_t max_lanes;  // four registers for each row
  // Copies tile.input with dropout; `out` has rows of kGroup floats.
  void (*drop)(const Dropout&, int32_t n_inputs, const Tile&, float* out);
  // Sets the hidden rows of a mask, which lie as the tile's activations do.
  void (*mask)(const Dropout&, const Graph&, const Tile&, float* out);
  void (*forward)(const Graph&, const Parameters&, Norm, Tile&);
  // Sets the output rows of tile.delta to `scale` times the gradient of the samples' weighted losses, and returns the
  // sum of these losses (not scaled).
  double (*loss)(const Graph&, const Targets&, float scale, Tile&);
  // Adds all gradients but those of edges from inputs to `gradient`, whose edges have room for kPadding more; leaves
  // the gradient at the weighted sums in tile.delta.
  void (*backward)(const Graph&, const Parameters&, Norm, Tile&, const Parameters& gradient);
  // Adds the gradients of edges from inputs, over one or two tiles that have been through the backward pass.
  void (*correlate)(const Graph&, const Tile* tiles, int32_t n_tiles, float* gradient);
  // Sets the gradient to 0 after use.
  void (*adam)(const AdamStep&, int64_t n, float* weight, float* gradient, float* first, float* second);
  // Computes out[i] = sum over strips g of <a[g] + i * stride, b[g]>, each over kStrip lanes, for i < n.
  void (*dots)(const float* const* a, int32_t stride, int32_t n, const float* const* b, int32_t n_strips, float* out);
};

extern const Kernel kGenericKernel;
#if defined(EVONAS_X86)
extern const Kernel kAvx2Kernel;
extern const Kernel kAvx512Kernel;
#endif

}  // namespace evonas
