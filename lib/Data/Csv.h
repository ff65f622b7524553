// Tables as CSV (RFC 4180) with a header line.
#ifndef VARVE_DATA_CSV_H
#define VARVE_DATA_CSV_H

#include "Data/DataSpec.h"
#include "Data/Dataset.h"
#include "varve/Result.h"
#include <string>
#include <string_view>

namespace varve {

/// Reads the columns that the fields name; several columns make one field in
/// the order given. A cell is a number, or the name of a class where the field
/// has class names. The option "separator" stands for ",". Plain or gzip.
/// Diagnostics begin with "file:line: ".
Result<Dataset> readCsv(const DataSpec &spec, const std::string &path);
/// The same for a text in memory; `name` stands in diagnostics.
Result<Dataset> parseCsv(const DataSpec &spec, std::string_view text,
                         const std::string &name);

} // namespace varve
#endif
