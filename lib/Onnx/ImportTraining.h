// Nodes that are other in training than in evaluation, in a network that is a
// part of a program.
#ifndef VARVE_ONNX_IMPORTTRAINING_H
#define VARVE_ONNX_IMPORTTRAINING_H

#include "Onnx/ImportCall.h"
#include "varve/Dialect/Varve/Network.h"

namespace varve::onnx {

/// Whether the node of a call is in training, where its program says so;
/// nothing: that is as the file has it.
std::optional<bool> inTraining(Call &c);

/// The program, which then is there.
NetworkHost &hostOf(Call &c);

} // namespace varve::onnx
#endif
