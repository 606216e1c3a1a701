#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace limbic::formats {

/// A SentencePiece .model file (sentencepiece_model.proto of SentencePiece 0.1.97), as it lies on disk.
struct SentencePieceModel {
  enum class Kind { kUnigram = 1, kBpe = 2, kWord = 3, kCharacter = 4 };
  enum class PieceType { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };
  struct Piece {
    std::string text;  ///< UTF-8, a blank as U+2581
    float score = 0;   ///< finite
    PieceType type = PieceType::kNormal;
  };
  std::vector<Piece> pieces;  ///< by id
  Kind kind = Kind::kUnigram;
  bool has_byte_fallback = false;
  bool treats_space_as_suffix = false;
  std::string begin_piece = "<s>";
  std::string end_piece = "</s>";
  std::string unknown_surface = " \xE2\x81\x87 ";  ///< what decoding writes for an unknown token
  // Of the normaliser.
  std::string characters_map;  ///< a double-array trie and its strings; empty = characters stay as they are
  bool adds_dummy_prefix = true;
  bool removes_extra_spaces = true;
  bool escapes_spaces = true;
  bool has_denormalizer = false;  ///< decoding would change characters
};

/// Every field is checked against the bytes that are there. @throws Error(kData) `path: at byte N: ...`
SentencePieceModel read_sentencepiece_model(const std::string& path, uint64_t max_bytes = 64 << 20);

}  // namespace limbic::formats
