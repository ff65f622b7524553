// The manifest of an artifact: what training and evaluation need to know
// beyond the functions' signatures. JSON; absent keys are defaults.
#ifndef VARVE_LEARN_MANIFEST_H
#define VARVE_LEARN_MANIFEST_H

#include "Data/DataSpec.h"
#include "varve/Result.h"
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace varve {

/// A field of the data set as the compiled step reads it.
using ManifestField = FieldSpec;

struct Manifest {
  std::string model;

  using Data = DataSpec;

  struct Train {
    Data data;
    int64_t batch = 0;
    int64_t epochs = 0, steps = 0; ///< one of them; both 0: one epoch
    int64_t seed = 0;
    double validate = 0;
    int64_t patience = 0;
    std::string monitor;
    int64_t checkpointEvery = 0;
    std::string initFrom;
    std::vector<std::string> losses, metrics;
    /// Of greedy learning: stages in their order, the epochs of each.
    std::vector<std::string> stages;
    std::vector<int64_t> stageEpochs;
  };
  std::optional<Train> train; ///< absent: the program is not trained

  std::map<std::string, double> hyper;
  std::map<std::string, std::vector<std::string>> labels; ///< of outputs
};

/// Fails on what is no JSON or has values of wrong kinds.
Result<Manifest> parseManifest(std::string_view json);

} // namespace varve
#endif
