// Where the shared libraries of this project are that programs load when they
// need them.
#ifndef VARVE_SUPPORT_LIBRARY_H
#define VARVE_SUPPORT_LIBRARY_H

#include <string>

namespace varve {

/// The path of the library `fileName`: beside the shared library that this code
/// is in, if it is in one. In the build folder and after installation the
/// library's folder stands beside the program's. Else its name alone: the
/// loader looks for it.
std::string libraryPath(const char *fileName);

} // namespace varve
#endif
