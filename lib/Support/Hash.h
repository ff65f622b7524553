// SHA-256 (FIPS 180-4): names cached artifacts by what they were made from.
#ifndef VARVE_SUPPORT_HASH_H
#define VARVE_SUPPORT_HASH_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace varve {

class Sha256 {
public:
  Sha256();

  void update(const void *bytes, size_t size);
  void update(std::string_view text) { update(text.data(), text.size()); }

  /// Adds a text with its length before it, so that the parts of a key cannot
  /// run into each other.
  void updatePart(std::string_view text);

  /// The digest of all bytes so far, as 64 lower-case hexadecimal digits. Ends
  /// the computation.
  std::string hexDigest();

private:
  void compress(const uint8_t *block);

  std::array<uint32_t, 8> state;
  std::array<uint8_t, 64> block;
  size_t filled = 0; // bytes in `block`
  uint64_t total = 0;
};

std::string sha256(std::string_view text);

} // namespace varve
#endif
