// SentencePiece models, through the library that makes them: a shared library
// of its own, see SentencePiece.cpp.
#include "Text/SentencePiecePlugin.h"
#include <fmt/format.h>
#include <sentencepiece_processor.h>

namespace varve {
namespace {

class SentencePieceTokenizer : public Tokenizer {
public:
  bool load(std::string_view model) {
    return processor.LoadFromSerializedProto({model.data(), model.size()}).ok();
  }

  int64_t size() const override { return processor.GetPieceSize(); }

  Status encode(std::string_view text,
                std::vector<int32_t> &tokens) const override {
    std::vector<int> pieces;
    auto cut = processor.Encode({text.data(), text.size()}, &pieces);
    if (!cut.ok())
      return Error{fmt::format("SentencePiece: {}", cut.message())};
    tokens.insert(tokens.end(), pieces.begin(), pieces.end());
    return {};
  }

  std::string decode(const std::vector<int32_t> &tokens) const override {
    std::vector<int> pieces(tokens.begin(), tokens.end());
    std::string text;
    // Fails on numbers only that are out of range, which callers keep to.
    return processor.Decode(pieces, &text).ok() ? text : "";
  }

  std::optional<int32_t> find(std::string_view token) const override {
    int piece = processor.PieceToId({token.data(), token.size()});
    bool known = piece != processor.unk_id() ||
                 std::string_view(processor.IdToPiece(piece)) == token;
    return known ? std::optional<int32_t>(piece) : std::nullopt;
  }

  std::map<std::string, std::string> metadata() const override {
    return {{"tokenizer", "sentencepiece"}};
  }

private:
  sentencepiece::SentencePieceProcessor processor;
};

} // namespace
} // namespace varve

varve::Tokenizer *varve_sentencepiece(const char *model, size_t size) {
  auto made = std::make_unique<varve::SentencePieceTokenizer>();
  return made->load({model, size}) ? made.release() : nullptr;
}
