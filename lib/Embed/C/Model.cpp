// Models and versions in C.
#include "Handles.h"
#include "varve/Version.h"

using namespace varve;

void varve_get_versions(varve_versions *result) {
  Versions here = versions();
  c::fill(result, {0, here.api, here.artifact, here.compiler, here.dialect,
                   VARVE_VERSION});
}

int varve_model_open(const varve_model_options *given, varve_model **model,
                     varve_error *error) {
  return c::reported(error, [&]() -> Status {
    varve_model_options options = c::fieldsOf(given);
    ModelOptions wanted;
    if (options.path)
      wanted.path = options.path;
    if (options.text)
      wanted.text = options.text;
    wanted.settings = c::textsOf(options.set, options.sets);
    wanted.cpu = c::textOf(options.cpu);
    wanted.disabledPasses =
        c::textsOf(options.disabled_pass, options.disabled_passes);
    auto opened = Model::open(std::move(wanted));
    if (!opened)
      return opened.error();
    *model = new varve_model{std::move(*opened)};
    return {};
  });
}

void varve_model_close(varve_model *model) { delete model; }

int varve_model_compile(varve_model *model, const char *function,
                        const int64_t *batch, int64_t batches, const char *path,
                        varve_error *error) {
  return c::reported(error, [&] {
    return model->model.compileTo(path, function, {batch, batch + batches});
  });
}
