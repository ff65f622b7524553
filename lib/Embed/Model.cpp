// Models: the driver's artifacts behind a lock, so that sessions share them.
#include "Driver/Artifacts.h"
#include "Driver/CompilerLibrary.h"
#include "Embed/Guard.h"
#include "Support/File.h"
#include "varve-c/Varve.h"
#include "varve/Compiler.h"
#include "varve/Version.h"
#include <mutex>

namespace varve {

struct Model::Impl {
  Impl(ModelOptions options, Artifacts artifacts)
      : options(std::move(options)), artifacts(std::move(artifacts)) {}

  const ModelOptions options;
  std::mutex mutex; ///< of the artifacts
  Artifacts artifacts;
};

Model::Model(std::shared_ptr<Impl> impl) : impl(std::move(impl)) {}

Result<Model> Model::open(ModelOptions options) {
  return guarded(nullptr, [&]() -> Result<Model> {
    auto artifacts =
        Artifacts::open({options.path, options.settings, options.cpu,
                         options.disabledPasses, false, options.text});
    if (!artifacts)
      return artifacts.error();
    return Model(
        std::make_shared<Impl>(std::move(options), std::move(*artifacts)));
  });
}

Result<std::string> Model::compile(const std::string &function,
                                   const std::vector<int64_t> &batches) const {
  return guarded(nullptr, [&] {
    std::lock_guard<std::mutex> lock(impl->mutex);
    return impl->artifacts.get(function, batches);
  });
}

Status Model::compileTo(const std::string &path, const std::string &function,
                        const std::vector<int64_t> &batches) const {
  return guarded(nullptr, [&]() -> Status {
    auto artifact = compile(function, batches);
    if (!artifact)
      return artifact.error();
    auto bytes = readFile(*artifact);
    if (!bytes)
      return bytes.error();
    return writeFile(path, {*bytes});
  });
}

const ModelOptions &Model::options() const { return impl->options; }

std::string Model::warnings() const {
  std::lock_guard<std::mutex> lock(impl->mutex);
  return impl->artifacts.warnings();
}

double Model::compileSeconds() const {
  std::lock_guard<std::mutex> lock(impl->mutex);
  return impl->artifacts.compileSeconds();
}

Versions versions() {
  return {VARVE_VERSION, VARVE_API_VERSION, VARVE_ABI_VERSION,
          VARVE_COMPILER_API, VARVE_DIALECT_VERSION};
}

Result<std::string> compilerVersion() {
  return guarded(nullptr, []() -> Result<std::string> {
    auto library = CompilerLibrary::load();
    if (!library)
      return library.error();
    return std::string(library->version());
  });
}

} // namespace varve
