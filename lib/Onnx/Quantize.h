// Models of floats as models of whole numbers, by ranges that were measured.
#ifndef VARVE_ONNX_QUANTIZE_H
#define VARVE_ONNX_QUANTIZE_H

#include "Onnx/Model.h"
#include "varve/Result.h"
#include <set>

namespace varve::onnx {

/// What a tensor's elements lie between.
struct Range {
  float low = 0, high = 0;
};

/// Transposes matrices of f32 that are initializers beforehand, not in nodes,
/// so that the products see weights.
void foldTransposes(Graph &graph);

/// The tensors whose ranges `quantize` wants: what MatMul, Gemm and Conv of the
/// main graph multiply, but for initializers.
std::set<std::string> tensorsToMeasure(const Model &model);

/// Puts QuantizeLinear and DequantizeLinear before both factors of each MatMul,
/// Gemm and Conv of which both are f32: an initializer as i8, symmetric, with a
/// scale for each output channel; another tensor as u8, so that 0 and the ends
/// of its range have codes. Biases stay f32. A tensor without a range is none
/// of f32. Returns how many nodes multiply codes now. Fails (Unsupported)
/// before opset 13, which has no scales for channels.
Result<int64_t> quantize(Model &model,
                         const std::map<std::string, Range> &ranges);

} // namespace varve::onnx
#endif
