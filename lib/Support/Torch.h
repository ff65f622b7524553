// Weight files of PyTorch (`torch.save` of a state dict): the zip archive of
// today and the stream of pickles from before 1.6. Tensors only: nothing in a
// file is run, and a file that names anything else is refused by that name.
#ifndef VARVE_SUPPORT_TORCH_H
#define VARVE_SUPPORT_TORCH_H

#include "Support/Safetensors.h"
#include "varve/Result.h"
#include <string>
#include <string_view>

namespace varve {

/// Whether bytes begin like one of PyTorch's files.
bool isTorch(std::string_view bytes);

/// The tensors of a state dict by name, contiguous. The dict is the file's
/// value, or stands in it as "state_dict", "model_state_dict", or as the only
/// dict with tensors. "module." (of a data-parallel model) is dropped where
/// all names have it.
Result<Safetensors> parseTorch(std::string_view bytes, const std::string &name);

/// A weight file: PyTorch's or safetensors, by how it begins.
Result<Safetensors> readWeightFile(const std::string &path);

} // namespace varve
#endif
