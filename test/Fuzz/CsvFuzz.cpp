// Any text is a table with the wanted columns or one error with a place.
#include "Data/Csv.h"
#include <cstdlib>

using namespace varve;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const DataSpec spec = {
      "csv",
      {},
      {{"x", DType::F32, {2}, {"a", "b"}, 0, {}},
       {"y", DType::I64, {}, {"c"}, 3, {}},
       {"z", DType::U8, {}, {"d"}, 2, {"no", "yes"}}}};
  auto table =
      parseCsv(spec, {reinterpret_cast<const char *>(data), size}, "fuzz");
  if (!table)
    return table.error().message.rfind("fuzz:", 0) == 0 ? 0 : (std::abort(), 0);
  for (const Dataset::Field &field : table->fields)
    if (field.values.shape[0] != table->samples ||
        field.values.data.size() !=
            static_cast<size_t>(field.values.elements()) *
                byteSize(field.values.type))
      std::abort();
  for (int64_t i = 0; i < table->samples; ++i)
    if (static_cast<uint64_t>(table->find("y")->as<int64_t>()[i]) >= 3)
      std::abort();
  return 0;
}
