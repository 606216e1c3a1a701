#pragma once
#include <string>
#include <vector>

namespace limbic::formats {

/// A labelled stretch of an interval tier, [start, end).
struct TextGridInterval {
  double start_s = 0.0;
  double end_s = 0.0;
  std::string text;  ///< UTF-8; empty where nothing was annotated
};

/// A labelled moment of a point tier.
struct TextGridPoint {
  double time_s = 0.0;
  std::string text;  ///< UTF-8
};

struct TextGridTier {
  std::string name;
  bool is_points = false;  ///< true: a TextTier, whose intervals are empty
  double start_s = 0.0;
  double end_s = 0.0;
  std::vector<TextGridInterval> intervals{};  ///< in order of time, without overlap
  std::vector<TextGridPoint> points{};        ///< in order of time
};

/// A Praat TextGrid: tiers of labels over [start, end).
struct TextGrid {
  double start_s = 0.0;
  double end_s = 0.0;
  std::vector<TextGridTier> tiers;
  std::string encoding{};  ///< of the file that was read: "utf-8", "utf-16le", "utf-16be" or "latin-1"

  /// The first tier of that name, or null.
  const TextGridTier* tier(const std::string& name) const;
};

/// Reads TextGrid files as Praat does ("TextGrid file formats" of its manual): the long and the short text
/// form, any mixture of them with comments, and the chronological form; UTF-8 or UTF-16 with or without a
/// mark of the byte order, else Latin-1. Only free-standing numbers, "texts" and <flags> count. Binary files
/// are refused with what to do. Labels are kept as they are, Praat's \-codes included.
/// @throws Error(kData) `path:line: ...`
TextGrid read_text_grid(const std::string& path);

/// Writes the long text form in UTF-8, atomically; numbers read back exactly. Gaps between intervals, which
/// Praat does not allow, become empty intervals, and tiers get the grid's time.
/// @throws Error(kData) for overlaps, times outside the grid or without length; Error(kStorage)
void write_text_grid(const std::string& path, const TextGrid& grid);

}  // namespace limbic::formats
