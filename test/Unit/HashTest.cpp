// SHA-256 against the examples that its standard publishes.
#include "Support/Hash.h"
#include <gtest/gtest.h>

using namespace varve;

namespace {

TEST(Hash, PublishedExamples) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb924"
                        "27ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223"
                           "b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Hash, PiecesDoNotMatter) {
  std::string text(300, 'x');
  for (size_t i = 0; i < text.size(); ++i)
    text[i] = static_cast<char>(i * 7);
  for (size_t size = 0; size < text.size(); ++size) {
    Sha256 hash;
    hash.update(text.substr(0, size));
    hash.update(text.substr(size));
    ASSERT_EQ(hash.hexDigest(), sha256(text)) << size;
  }
}

TEST(Hash, PartsDoNotRunIntoEachOther) {
  Sha256 a, b;
  a.updatePart("ab"), a.updatePart("c");
  b.updatePart("a"), b.updatePart("bc");
  EXPECT_NE(a.hexDigest(), b.hexDigest());
}

} // namespace
