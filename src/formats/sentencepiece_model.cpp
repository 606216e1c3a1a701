// An own reader: tokenizer.json needs the same models anyway, and libsentencepiece would bring protobuf
// along.
#include "limbic/formats/sentencepiece_model.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "byte_source.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "protobuf_wire.h"
#include "text_input.h"

namespace limbic::formats {
namespace {

using detail::WireField;
using detail::WireReader;

constexpr size_t kMaxSentencePieces = size_t{1} << 24;

class SentencePieceReader {
 public:
  SentencePieceReader(const std::string& path, std::string_view bytes)
      : bytes_(bytes), source_(bytes, path, ErrorCode::kData) {}

  SentencePieceModel read() {
    WireReader reader(source_, bytes_, bytes_);
    WireField field;
    while (reader.next(field)) {
      if (field.number == 1) {
        model_.pieces.push_back(read_piece(bytes_of(reader, field)));
        if (model_.pieces.size() > kMaxSentencePieces) reader.fail(field.offset, "more than 2^24 pieces");
      } else if (field.number == 2) {
        read_trainer(bytes_of(reader, field));
      } else if (field.number == 3) {
        read_normalizer(bytes_of(reader, field));
      } else if (field.number == 5) {
        read_denormalizer(bytes_of(reader, field));
      }
    }
    if (model_.pieces.empty()) source_.fail("no pieces; expected a SentencePiece .model");
    return std::move(model_);
  }

 private:
  static std::string_view bytes_of(const WireReader& reader, const WireField& field) {
    if (field.kind != WireField::Kind::kBytes)
      reader.fail(field.offset, fmt::format("field {} is a number; expected bytes", field.number));
    return field.bytes;
  }
  static uint64_t number_of(const WireReader& reader, const WireField& field) {
    if (field.kind != WireField::Kind::kVarint)
      reader.fail(field.offset, fmt::format("field {} is not a whole number", field.number));
    return field.value;
  }
  static std::string text_of(const WireReader& reader, const WireField& field) {
    const std::string_view bytes = bytes_of(reader, field);
    if (!detail::is_utf8(bytes)) reader.fail(field.offset, "text that is not UTF-8");
    return std::string(bytes);
  }

  SentencePieceModel::Piece read_piece(std::string_view message) {
    SentencePieceModel::Piece piece;
    WireReader reader(source_, bytes_, message);
    WireField field;
    while (reader.next(field)) {
      if (field.number == 1) {
        piece.text = text_of(reader, field);
      } else if (field.number == 2) {
        if (field.kind != WireField::Kind::kFixed32)
          reader.fail(field.offset, "a score that is not a float32");
        const auto bits = static_cast<uint32_t>(field.value);
        std::memcpy(&piece.score, &bits, sizeof bits);
        if (!std::isfinite(piece.score)) reader.fail(field.offset, "a score that is not finite");
      } else if (field.number == 3) {
        const uint64_t type = number_of(reader, field);
        if (type < 1 || type > 6)
          reader.fail(field.offset, fmt::format("a piece of type {}; expected 1 to 6", type));
        piece.type = static_cast<SentencePieceModel::PieceType>(type);
      }
    }
    if (piece.text.empty()) reader.fail(reader.offset(), "an empty piece");
    return piece;
  }

  void read_trainer(std::string_view message) {
    WireReader reader(source_, bytes_, message);
    WireField field;
    while (reader.next(field)) {
      switch (field.number) {
        case 3: {
          const uint64_t kind = number_of(reader, field);
          if (kind < 1 || kind > 4)
            reader.fail(field.offset, fmt::format("a model of type {}; expected 1 to 4", kind));
          model_.kind = static_cast<SentencePieceModel::Kind>(kind);
          break;
        }
        case 24:
          model_.treats_space_as_suffix = number_of(reader, field) != 0;
          break;
        case 35:
          model_.has_byte_fallback = number_of(reader, field) != 0;
          break;
        case 44:
          model_.unknown_surface = text_of(reader, field);
          break;
        case 46:
          model_.begin_piece = text_of(reader, field);
          break;
        case 47:
          model_.end_piece = text_of(reader, field);
          break;
        default:
          break;  // how it was trained
      }
    }
  }

  void read_normalizer(std::string_view message) {
    WireReader reader(source_, bytes_, message);
    WireField field;
    while (reader.next(field)) {
      if (field.number == 2) model_.characters_map = std::string(bytes_of(reader, field));
      if (field.number == 3) model_.adds_dummy_prefix = number_of(reader, field) != 0;
      if (field.number == 4) model_.removes_extra_spaces = number_of(reader, field) != 0;
      if (field.number == 5) model_.escapes_spaces = number_of(reader, field) != 0;
    }
  }

  void read_denormalizer(std::string_view message) {
    WireReader reader(source_, bytes_, message);
    WireField field;
    while (reader.next(field)) {
      if (field.number == 2 && !bytes_of(reader, field).empty()) model_.has_denormalizer = true;
    }
  }

  std::string_view bytes_;
  detail::MemorySource source_;
  SentencePieceModel model_;
};

}  // namespace

SentencePieceModel read_sentencepiece_model(const std::string& path, uint64_t max_bytes) {
  const std::string bytes = core::read_file(path, max_bytes);
  return SentencePieceReader(path, bytes).read();
}

}  // namespace limbic::formats
