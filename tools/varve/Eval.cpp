// `varve eval`: losses and metrics of weights on a data set.
#include "Learn/Evaluate.h"
#include "Learn/Report.h"
#include "Learn/Weights.h"
#include "Model.h"
#include "Verbs.h"
#include <fmt/format.h>

namespace varve::cli {

int runEval(const EvalArgs &args) {
  auto model = openModel(args.model, "eval_step", args.batch);
  if (!model)
    return fail(model.error());
  showWarnings(*model);
  auto loaded = openWeights(model->program, args.weights);
  if (!loaded)
    return fail(loaded.error());
  if (!loaded->extra.empty())
    fmt::print(stderr, "varve: warning: {}: not in the model: {}\n",
               args.weights, fmt::join(loaded->extra, ", "));
  auto source = openData(args.model, args.data, model->program.manifest(),
                         model->program.metadata());
  if (!source)
    return fail(source.error());
  DataSplit split =
      source->has(DataSplit::Test) ? DataSplit::Test : DataSplit::Train;
  auto data = loadData(*source, source->named().value_or(split), args.data);
  if (!data)
    return fail(data.error());
  int64_t batch = args.batch ? args.batch : model->settings.batch.value_or(0);
  auto measures = evaluate(model->program, *data, batch);
  if (!measures)
    return fail(measures.error());
  if (args.model.json)
    fmt::print("{}\n", evalLine(*measures, data->samples));
  else
    fmt::print("{}  {} samples of {}\n", toString(*measures), data->samples,
               source->origin());
  return 0;
}

} // namespace varve::cli
