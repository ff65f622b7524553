// Files: written whole or not at all, read with a bound on their size. POSIX
// calls, because neither fsync nor a rename's durability is in the library.
#include "Support/File.h"
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace varve {
namespace {

std::string folderOf(const std::string &path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos)
    return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string fileNameOf(const std::string &path) {
  return path.substr(path.rfind('/') + 1);
}

Error systemError(const char *verb, const std::string &path) {
  return {fmt::format("cannot {} '{}': {}", verb, path, std::strerror(errno))};
}

// Temporary files of `path` are named ".NAME.PID.N.tmp".
std::string temporaryPrefix(const std::string &path) {
  return fmt::format(".{}.", fileNameOf(path));
}

bool isTemporaryOf(std::string_view prefix, std::string_view name) {
  constexpr std::string_view suffix = ".tmp";
  if (name.size() <= prefix.size() + suffix.size() ||
      name.substr(0, prefix.size()) != prefix ||
      name.substr(name.size() - suffix.size()) != suffix)
    return false;
  name.remove_prefix(prefix.size());
  name.remove_suffix(suffix.size());
  return name.find_first_not_of("0123456789.") == std::string_view::npos;
}

// A writer holds a lock on its temporary file, so one that can be locked has
// lost its writer.
void removeLeftovers(const std::string &path) {
  std::string folder = folderOf(path), prefix = temporaryPrefix(path);
  DIR *entries = opendir(folder.c_str());
  if (!entries)
    return;
  while (dirent *entry = readdir(entries)) {
    if (!isTemporaryOf(prefix, entry->d_name))
      continue;
    int file = openat(dirfd(entries), entry->d_name,
                      O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0)
      continue;
    if (flock(file, LOCK_EX | LOCK_NB) == 0)
      unlinkat(dirfd(entries), entry->d_name, 0);
    close(file);
  }
  closedir(entries);
}

// fsync fails with EINVAL where the file system has no notion of it.
bool sync(int descriptor) {
  return fsync(descriptor) == 0 || errno == EINVAL || errno == ENOTSUP;
}

} // namespace

Result<AtomicFile> AtomicFile::create(const std::string &path) {
  struct stat info;
  if (path.empty() || path.back() == '/')
    return Error{fmt::format("'{}' is no name of a file", path)};
  if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    return Error{
        fmt::format("cannot write '{}': it is not a regular file", path)};
  removeLeftovers(path);
  std::string prefix = folderOf(path) + "/" + temporaryPrefix(path);
  for (int attempt = 0;; ++attempt) {
    std::string name = fmt::format("{}{}.{}.tmp", prefix, getpid(), attempt);
    int file =
        ::open(name.c_str(),
               O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (file < 0 && errno == EEXIST && attempt < 10000)
      continue;
    if (file < 0)
      return systemError("write", path);
    // Between the open and the lock another writer may have taken the file
    // for a leftover.
    flock(file, LOCK_EX);
    if (fstat(file, &info) == 0 && info.st_nlink == 0) {
      close(file);
      continue;
    }
    AtomicFile result;
    result.path = path;
    result.temporary = std::move(name);
    result.descriptor = file;
    return Result<AtomicFile>(std::move(result));
  }
}

AtomicFile::AtomicFile(AtomicFile &&other) noexcept
    : path(std::move(other.path)), temporary(std::move(other.temporary)),
      descriptor(other.descriptor) {
  other.descriptor = -1;
}

AtomicFile::~AtomicFile() {
  if (descriptor < 0)
    return;
  unlink(temporary.c_str());
  close(descriptor);
}

Status AtomicFile::write(const void *bytes, size_t size) {
  const char *next = static_cast<const char *>(bytes);
  while (size) {
    ssize_t written = ::write(descriptor, next, size);
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return systemError("write", path);
    next += written;
    size -= static_cast<size_t>(written);
  }
  return {};
}

Status AtomicFile::commit() {
  // The file keeps the permissions of the one it replaces.
  struct stat info;
  if (stat(path.c_str(), &info) == 0)
    (void)fchmod(descriptor, info.st_mode & 07777);
  if (!sync(descriptor) || rename(temporary.c_str(), path.c_str()) != 0)
    return systemError("write", path);
  close(descriptor);
  descriptor = -1;
  int folder = ::open(folderOf(path).c_str(), O_RDONLY | O_CLOEXEC);
  if (folder < 0)
    return systemError("open", folderOf(path));
  bool synced = sync(folder);
  int code = errno;
  close(folder);
  errno = code;
  if (!synced)
    return systemError("sync", folderOf(path));
  return {};
}

Status writeFile(const std::string &path,
                 const std::vector<std::string_view> &parts) {
  auto file = AtomicFile::create(path);
  if (!file)
    return file.error();
  for (std::string_view part : parts)
    if (Status status = file->write(part); !status)
      return status;
  return file->commit();
}

Result<InputFile> InputFile::open(const std::string &path) {
  // Not blocking, so that a pipe without a writer is refused, not waited for.
  InputFile file;
  file.name = path;
  file.descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file.descriptor < 0)
    return systemError("read", path);
  struct stat info;
  if (fstat(file.descriptor, &info) != 0)
    return systemError("read", path);
  if (!S_ISREG(info.st_mode))
    return Error{
        fmt::format("cannot read '{}': it is {}", path,
                    S_ISDIR(info.st_mode) ? "a folder" : "not a regular file")};
  file.bytes = static_cast<uint64_t>(info.st_size);
  return Result<InputFile>(std::move(file));
}

InputFile::InputFile(InputFile &&other) noexcept
    : name(std::move(other.name)), descriptor(other.descriptor),
      bytes(other.bytes) {
  other.descriptor = -1;
}

InputFile::~InputFile() {
  if (descriptor >= 0)
    close(descriptor);
}

Status InputFile::read(uint64_t offset, void *to, size_t size) const {
  char *next = static_cast<char *>(to);
  while (size) {
    ssize_t got = pread(descriptor, next, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return systemError("read", name);
    if (got == 0)
      return Error{
          fmt::format("'{}' ends too early: {} bytes are missing", name, size)};
    next += got;
    offset += static_cast<uint64_t>(got);
    size -= static_cast<size_t>(got);
  }
  return {};
}

Result<std::string> readFile(const std::string &path, uint64_t limit) {
  auto file = InputFile::open(path);
  if (!file)
    return file.error();
  if (file->size() > limit)
    return Error{fmt::format("'{}' has {} bytes, more than the {} allowed",
                             path, file->size(), limit)};
  std::string text(file->size(), '\0');
  if (Status status = file->read(0, text.data(), text.size()); !status)
    return status.error();
  return text;
}

Status makeFolders(const std::string &path) {
  std::error_code code;
  std::filesystem::create_directories(path, code);
  if (code)
    return Error{
        fmt::format("cannot make folder '{}': {}", path, code.message())};
  return {};
}

} // namespace varve
