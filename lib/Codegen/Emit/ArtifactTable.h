// The constant `varve_artifact_v1` in LLVM IR.
#ifndef VARVE_LIB_CODEGEN_EMIT_ARTIFACTTABLE_H
#define VARVE_LIB_CODEGEN_EMIT_ARTIFACTTABLE_H

#include "varve/Codegen/ArtifactDescription.h"
#include "varve/Result.h"
#include "llvm/IR/Module.h"

namespace varve {

/// Adds `varve_artifact_v1` and the tables it points to. Every function of the
/// description must be defined in `module`.
Status addArtifactTable(llvm::Module &module, const ArtifactDescription &d,
                        const std::string &cpu);

/// A kernel call that is timed.
struct ProfileRow {
  std::string function, kernel;
  int64_t flops, bytes;
};

/// Adds `varve_profile_v1`, for the rows that `varve.profile.rows` counts.
void addProfileTable(llvm::Module &module, const std::vector<ProfileRow> &rows);

} // namespace varve
#endif
