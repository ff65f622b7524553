// Trains and runs models from a program. A Session is one network: its weights,
// its optimizer's state, its threads. Any number live side by side; each is
// used by one thread at a time. Errors are values; nothing is thrown.
#ifndef VARVE_RUNTIME_H
#define VARVE_RUNTIME_H

#include "varve/Compiler.h"
#include "varve/Result.h"
#include "varve/Tensor.h"
#include "varve/Training.h"
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace varve {

struct Dataset;

/// A data set in memory that fits a model. Copies share it, and several
/// sessions of the model may use it at once.
class Samples {
public:
  /// How many there are.
  int64_t size() const;

private:
  friend class Session;
  explicit Samples(std::shared_ptr<const Dataset> data);
  std::shared_ptr<const Dataset> data;
};

/// Which part of a data set that has two.
enum class SamplesPart { Train, Test };

struct SessionOptions {
  int64_t threads = 0; ///< 0: as many as there are CPUs
  /// Gives the memory of state, scratch, samples and tensors. It outlives the
  /// session, its samples and the tensors it returned. Null: the C library.
  const varve_allocator *allocator = nullptr;
  /// Compiled when the session is opened; others when they are needed. "infer"
  /// for a program that does not train.
  std::string function = "train_step";
  int64_t batch = 0; ///< of that function; 0: the model's own
};

/// Name, type and shape of one state variable, or of a field of a sample.
struct TensorInfo {
  std::string name;
  DType type = DType::F32;
  std::vector<int64_t> shape;
  int64_t classes = 0; ///< of a field: values are below it; 0: any
};

class Session {
public:
  /// State has its first values, by the seed of the model.
  static Result<Session> open(const Model &model,
                              const SessionOptions &options = {});
  Session(Session &&) noexcept;
  Session &operator=(Session &&) noexcept;
  ~Session();

  std::string name() const; ///< of the model
  /// Programs with the same one share checkpoints.
  std::string digest() const;
  /// What one sample of the data set is made of; empty: it is not trained.
  std::vector<TensorInfo> fields() const;
  std::vector<TensorInfo> states() const;

  // ---- Data ----

  /// Copies arrays, one for each field, whose first axis counts the samples.
  /// Integers are converted and checked, labels against their classes.
  Result<Samples> samples(const std::vector<ArrayView> &arrays) const;
  /// The same without a copy where type and shape fit.
  Result<Samples> samples(std::vector<NamedTensor> arrays) const;
  /// Reads files: `data` and `folder` are what `varve train` takes as --data
  /// and --data-dir; both may be empty.
  Result<Samples> loadSamples(const std::string &data,
                              const std::string &folder,
                              SamplesPart part = SamplesPart::Train) const;

  // ---- Training ----

  /// Gives all state its first values.
  Status initialize(uint64_t seed);

  /// What the next steps take besides data. At first: seed, epochs, steps of
  /// the model, epoch 0.
  Status configure(const StepSettings &settings);
  const StepSettings &settings() const;

  /// One step of the optimizer on a batch of any size: one array for each
  /// field, its first axis the batch. Returns the loss.
  Result<double> step(const std::vector<ArrayView> &batch);
  /// The same on samples [index[0], .. index[count - 1]]; nothing is copied.
  Result<double> step(const Samples &samples, const int64_t *index,
                      int64_t count);
  /// Loss and metrics of the last step.
  const std::vector<Measure> &measures() const;

  /// Trains whole epochs, as `varve train` does. Where `cancelled` of the
  /// observer ends it, the state is that of the last step.
  Result<TrainOutcome> train(const Samples &samples,
                             const TrainOptions &options = {},
                             const Samples *test = nullptr);

  /// Means over all samples; batch 0: the model's.
  Result<std::vector<Measure>> evaluate(const Samples &samples,
                                        int64_t batch = 0);

  // ---- Inference ----

  /// The outputs for all samples, the first axis of the inputs. With
  /// `prepare`, arrays that are fields as the data set stores them go through
  /// the model's `prepare`.
  Result<std::vector<NamedTensor>> run(const std::vector<ArrayView> &inputs,
                                       bool prepare = true);

  // ---- State ----

  /// Parameters and running statistics, as a safetensors file.
  Status saveWeights(const std::string &path) const;
  /// Returns the names in the file that the model does not have. A failure
  /// changes nothing.
  Result<std::vector<std::string>> loadWeights(const std::string &path);

  /// All state, and how many steps were done, to go on step by step.
  Status saveCheckpoint(const std::string &folder) const;
  /// Also sets seed and epoch. A failure changes nothing.
  Status loadCheckpoint(const std::string &folder);
  /// Steps since `initialize`, over checkpoints; not those of `train`.
  int64_t steps() const;

  /// One state variable in canonical order.
  Result<Tensor> state(const std::string &name) const;
  Status setState(const ArrayView &value);

private:
  struct Impl;
  explicit Session(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl;
};

/// The order in which epoch `epoch` of `train` sees n samples: a permutation
/// of 0 .. n - 1.
std::vector<int64_t> epochOrder(int64_t n, uint64_t seed, uint64_t epoch);

} // namespace varve
#endif
