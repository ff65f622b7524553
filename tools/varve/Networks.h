// The ONNX files behind a model's `import`: their weights before training, the
// tuned ones after it.
#ifndef VARVE_TOOLS_NETWORKS_H
#define VARVE_TOOLS_NETWORKS_H

#include "Model.h"

namespace varve::cli {

/// `varve VERB net.onnx --config FILE`: the model is the text in FILE, and the
/// network that it imports is net.onnx.
void takeConfig(ModelArgs &args);

/// Gives the program the weights of the networks that its model imports.
Status takeNetworkWeights(const ModelArgs &args, Program &program);

/// Whether the program's weights can go back into the one network that it
/// imports, and a file be written at `out`.
Status checkNetworkOut(const Program &program, const std::string &out);
/// Writes the network with the program's weights.
Status writeNetwork(const ModelArgs &args, const Program &program,
                    const std::string &out);

} // namespace varve::cli
#endif
