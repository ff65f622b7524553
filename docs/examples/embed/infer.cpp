// Runs a trained model on arrays: `infer points.varve WEIGHTS`.
#include "varve/Runtime.h"
#include <cstdio>

using namespace varve;

static Status run(char **argv) {
  auto model = Model::open({argv[1]});
  if (!model)
    return model.error();
  SessionOptions options;
  options.function = "infer";
  options.threads = 1;
  auto session = Session::open(*model, options);
  if (!session)
    return session.error();
  if (auto unknown = session->loadWeights(argv[2]); !unknown)
    return unknown.error();

  const float x[] = {0, 0, 0.3f, 0, 0, -0.95f, 0.9f, 0.9f};
  auto outputs = session->run({{"x", DType::F32, {4, 2}, x}});
  if (!outputs)
    return outputs.error();
  for (const NamedTensor &output : *outputs)
    if (output.name == "kind")
      for (int i = 0; i < 4; ++i)
        std::printf("(%g, %g) is %s\n", x[2 * i], x[2 * i + 1],
                    output.value.as<int64_t>()[i] ? "inside" : "outside");
  return {};
}

int main(int argc, char **argv) {
  if (argc != 3)
    return 64;
  Status status = run(argv);
  if (!status)
    std::fprintf(stderr, "%s\n", status.error().message.c_str());
  return status ? 0 : int(status.error().kind);
}
