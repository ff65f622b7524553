// Objects to a shared object, by LLD in this process.
#include "Link.h"
#include "Support/File.h"
#include "Support/TemporaryFolder.h"
#include "lld/Common/Driver.h"
#include "llvm/Support/raw_ostream.h"
#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <filesystem>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>

LLD_HAS_DRIVER(elf)

namespace varve {
namespace {

/// The file from which this process got `symbol`, to link against: it has the
/// right version of each symbol, and needs no development package.
std::string libraryOf(const char *symbol) {
  Dl_info info;
  void *address = dlsym(RTLD_DEFAULT, symbol);
  if (!address || !dladdr(address, &info) || !info.dli_fname)
    return "";
  return info.dli_fname;
}

/// A file in memory, with a path for as long as this lives.
class MemoryFile {
public:
  explicit MemoryFile(const char *name)
      : descriptor(memfd_create(name, MFD_CLOEXEC)) {}
  MemoryFile(MemoryFile &&other) : descriptor(other.descriptor) {
    other.descriptor = -1;
  }
  ~MemoryFile() {
    if (descriptor >= 0)
      close(descriptor);
  }
  std::string path() const {
    return "/proc/self/fd/" + std::to_string(descriptor);
  }
  bool write(std::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t n = ::write(descriptor, bytes.data(), bytes.size());
      if (n < 0 && errno != EINTR)
        return false;
      bytes.remove_prefix(std::max<ssize_t>(n, 0));
    }
    return descriptor >= 0;
  }

private:
  int descriptor;
};

} // namespace

Result<std::string> linkShared(const LinkInput &input) {
  // LLD insists on creating the file.
  auto folder = TemporaryFolder::make();
  if (!folder)
    return folder.error();
  std::string output = folder->path() + "/artifact.so";
  std::vector<std::string> args = {"ld.lld",
                                   "-shared",
                                   "--build-id=none",
                                   "--gc-sections",
                                   "-Bsymbolic",
                                   "-znoexecstack",
                                   "-zdefs",
                                   "--as-needed",
                                   "--threads=1",
                                   "-o",
                                   output};
  if (input.strip)
    args.push_back("--strip-all");
  std::vector<MemoryFile> files;
  auto addFile = [&](const std::string &option, std::string_view bytes) {
    files.emplace_back("varve-link");
    if (!files.back().write(bytes))
      return false;
    args.push_back(option + files.back().path());
    return true;
  };
  bool fine = true;
  for (std::string_view file : input.files)
    fine = fine && addFile("", file);
  if (!input.exports.empty()) {
    std::string script = "{ global: varve_artifact_v1; ";
    for (const auto &[name, symbol] : input.exports) {
      args.push_back("--undefined=" + symbol);
      args.push_back("--defsym=" + name + "=" + symbol);
      script += name + "; ";
    }
    fine = fine && addFile("--version-script=", script + "local: *; };\n");
  }
  if (!fine)
    return Error{std::string("no memory to link in: ") + strerror(errno)};
  // Functions of the two that no sanitizer takes the place of.
  for (const char *symbol : {"fesetround", "gnu_get_libc_version"}) {
    std::string library = libraryOf(symbol);
    // An executable that is linked statically has no such file.
    if (library.find(".so") != std::string::npos)
      args.push_back(library);
  }
  std::vector<const char *> argv;
  for (const std::string &a : args)
    argv.push_back(a.c_str());

  // LLD keeps its state in globals: one link at a time. After a crash inside
  // it, no further link is possible.
  static std::mutex mutex;
  static bool usable = true;
  std::lock_guard<std::mutex> lock(mutex);
  if (!usable)
    return Error{"the linker failed before and cannot run again"};
  std::string messages;
  llvm::raw_string_ostream os(messages);
  lld::Result r = lld::lldMain(argv, os, os, {{lld::Gnu, &lld::elf::link}});
  usable = r.canRunAgain;
  if (r.retCode)
    return Error{"linking failed: " + messages};
  return readFile(output);
}

} // namespace varve
