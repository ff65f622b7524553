// Values of ONNX models: read from files, put into a program's buffers, written
// to files. What the model's sizes and element types are follows from them.
#ifndef VARVE_TOOLS_ONNXVALUES_H
#define VARVE_TOOLS_ONNXVALUES_H

#include "Driver/Artifacts.h"
#include "Learn/Program.h"
#include "Model.h"
#include "Onnx/Read.h"

namespace varve::cli {

struct OnnxValue {
  std::string name;
  onnx::HostValue value;
};

/// Reads each "NAME=FILE" of a flag, where NAME is one of the model's inputs or
/// outputs (`what`), .npy or .pb.
Result<std::vector<OnnxValue>>
readOnnxValues(const std::string &flag, const std::vector<std::string> &texts,
               const std::string &what,
               const std::vector<onnx::ValueInfo> &known);

/// Their tensors, by the names that the program has for them.
TensorsByName tensorsOf(const std::vector<OnnxValue> &values);

/// The same of the model in a file, as the compiler takes them.
Result<std::vector<GivenInput>>
readGivenInputs(const std::string &file, const std::vector<std::string> &texts);

/// Says on stderr which of the model's inputs, a line each, a compilation's
/// output holds for one value of.
void showMadeFor(const char *names);

/// A program with one function, compiled for inputs of these types, with the
/// model's weights.
Result<Program> openOnnx(const ModelArgs &args, const onnx::Model &model,
                         const std::vector<OnnxValue> &inputs,
                         const std::string &function);

/// The model's outputs, put together from the function's results as the
/// manifest says.
Result<std::vector<OnnxValue>> onnxOutputs(const Program &program,
                                           std::vector<Tensor> results);

/// Writes NAME.npy or NAME.pb of each, in folders if the name has slashes, and
/// says so. A .npy file has one tensor: items of a sequence get files of their
/// own. Nothing is written where a value has no file of this format, or two have
/// the same.
Status writeOnnxValues(const std::string &folder, const std::string &format,
                       const std::vector<OnnxValue> &values);

} // namespace varve::cli
#endif
