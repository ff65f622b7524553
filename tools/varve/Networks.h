// The ONNX files behind a model's `import`, whose weights it begins with, and
// those that training writes.
#ifndef VARVE_TOOLS_NETWORKS_H
#define VARVE_TOOLS_NETWORKS_H

#include "Model.h"

namespace varve::cli {

/// `varve VERB net.onnx --config FILE`: the model is the text in FILE, and the
/// network that it imports is net.onnx.
void takeConfig(ModelArgs &args);

/// Gives the program the weights of the networks that its model imports.
Status takeNetworkWeights(const ModelArgs &args, Program &program);

/// Whether an ONNX file can be written at `out` of what is trained.
Status checkOnnxOut(const ModelArgs &args, const Program &program,
                    const std::string &out);
/// Writes it with the program's weights: where the model is an imported
/// network, that file with other weights; else what inference computes.
Status writeOnnxOut(const ModelArgs &args, const Program &program,
                    const std::string &out, bool externalData);

} // namespace varve::cli
#endif
