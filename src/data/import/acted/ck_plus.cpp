#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>

#include "import/acted/named_clips.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"

namespace limbic::data {
namespace ck_plus_import {

constexpr double kFrameRateHz = 30.0;
constexpr std::array<const char*, 8> kEmotions{"neutral", "anger", "contempt", "disgust",
                                               "fear",    "happy", "sadness",  "surprise"};

/// One expression of one person, from neutral to its peak.
struct Sequence {
  std::vector<std::string> frames;  ///< pictures, relative to the corpus, in order of time
  std::string emotion_file;
  std::string facs_file;
  std::string folder_label;  ///< of copies that lie in a folder a class
};

/// "S005_001" of ".../S005_001_00000011.png"; empty for other names.
std::string sequence_of(const std::string& stem) {
  const auto parts = split_text(stem, '_');
  const auto is_number = [](const std::string& text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  };
  if (parts.size() < 3 || parts[0].size() != 4 || parts[0][0] != 'S' || !is_number(parts[0].substr(1)) ||
      !is_number(parts[1]) || !is_number(parts[2])) {
    return "";
  }
  return parts[0] + "_" + parts[1];
}

std::vector<double> read_numbers(const std::string& path) {
  std::istringstream text(core::read_file(path, uint64_t{1} << 16));
  std::vector<double> numbers;
  std::string word;
  while (text >> word) {
    try {
      size_t used = 0;
      numbers.push_back(std::stod(word, &used));
      require(used == word.size(), ErrorCode::kData, "");
    } catch (const std::exception&) {
      throw Error(ErrorCode::kData, path + ": '" + word + "' is no number");
    }
  }
  return numbers;
}

/// Action units that were coded, with their intensity (0: not given, 1 to 5 = A to E).
std::map<int, double> read_facs(const std::string& path) {
  const auto numbers = read_numbers(path);
  require(numbers.size() % 2 == 0, ErrorCode::kData, path + ": expected lines of action unit and intensity");
  std::map<int, double> units;
  for (size_t i = 0; i < numbers.size(); i += 2) {
    require(numbers[i] >= 1 && numbers[i] <= 99, ErrorCode::kData,
            fmt::format("{}: {} is no action unit; expected 1 to 99", path, numbers[i]));
    units[static_cast<int>(numbers[i])] = numbers[i + 1];
  }
  return units;
}

std::string unit_task(int unit) {
  return fmt::format("au{:02}", unit);
}

RawSample read_sequence(const std::string& source, const std::string& name, const Sequence& sequence,
                        const std::set<int>& all_units, ImportWorker& worker) {
  RawSample raw;
  Sample& sample = raw.sample;
  sample.id = name;
  sample.corpus = "ck_plus";
  sample.subject = name.substr(0, 4);
  sample.clip = name;
  sample.source_path = sequence.frames.front();
  if (!sequence.folder_label.empty()) sample.labels["emotion"] = sequence.folder_label;
  if (!sequence.emotion_file.empty()) {
    const std::string path = source + "/" + sequence.emotion_file;
    const auto numbers = read_numbers(path);
    require(numbers.size() == 1 && numbers[0] >= 0 && numbers[0] < kEmotions.size(), ErrorCode::kData,
            path + ": expected one emotion from 0 to 7");
    sample.labels["emotion"] = kEmotions[static_cast<size_t>(numbers[0])];
  }
  if (!sequence.facs_file.empty()) {
    const auto units = read_facs(source + "/" + sequence.facs_file);
    for (const int unit : all_units)
      sample.labels[unit_task(unit)] = units.count(unit) ? "present" : "absent";
    for (const auto& [unit, intensity] : units)
      if (intensity > 0) sample.values[unit_task(unit) + "_intensity"] = intensity;
  }
  core::Sha256 hash;
  std::vector<std::string> paths;
  for (const auto& frame : sequence.frames) {
    paths.push_back(source + "/" + frame);
    const std::string digest = core::sha256_file(paths.back());
    hash.update(digest.data(), digest.size());
  }
  sample.source_sha256 = hash.hex();
  raw.streams[stream_name::kFace] = read_face_pictures(paths, kFrameRateHz, worker);
  sample.duration = length_of(raw.streams[stream_name::kFace]);
  return raw;
}

}  // namespace ck_plus_import

// The extended Cohn-Kanade set (Lucey et al. 2010): cohn-kanade-images/, Emotion/, FACS/; also its popular
// 48 x 48 copy with the three last frames of a sequence in a folder a class.
ImportReport import_ck_plus(const std::string& source, const std::string& out, const ImportOptions& options) {
  using namespace ck_plus_import;
  std::map<std::string, Sequence> sequences;
  for (const auto& file : list_files(source)) {
    const std::string stem = stem_of(file);
    const std::string name = sequence_of(stem);
    if (name.empty()) continue;
    if (file_kind(file) == FileKind::kImage) {
      auto& sequence = sequences[name];
      sequence.frames.push_back(file);
      const std::string folder = std::filesystem::path(file).parent_path().filename().string();
      if (std::find(kEmotions.begin(), kEmotions.end(), folder) != kEmotions.end())
        sequence.folder_label = folder;
    } else if (stem.size() > 8 && stem.compare(stem.size() - 8, 8, "_emotion") == 0) {
      sequences[name].emotion_file = file;
    } else if (stem.size() > 5 && stem.compare(stem.size() - 5, 5, "_facs") == 0) {
      sequences[name].facs_file = file;
    }
  }
  DatasetInfo info;
  info.name = "ck_plus";
  info.licence = "research only, by agreement with the authors";
  info.citation = "P. Lucey et al., The Extended Cohn-Kanade Dataset (CK+), CVPR Workshops 2010";
  info.importer = "ck_plus";
  info.label_spaces = {{"emotion", {kEmotions.begin(), kEmotions.end()}}};
  info.known_defects = {"266 of 593 sequences have no emotion label: the coders' rules left them out",
                        "the label holds for the last frames; a sequence begins neutral",
                        "posed in a laboratory; no official split: group by subject"};
  std::set<int> units;
  for (const auto& [name, sequence] : sequences) {
    if (sequence.facs_file.empty()) continue;
    for (const auto& entry : read_facs(source + "/" + sequence.facs_file)) units.insert(entry.first);
  }
  for (const int unit : units) info.label_spaces.push_back({unit_task(unit), {"absent", "present"}});
  std::vector<ImportItem> items;
  std::vector<std::string> files;
  for (const auto& [name, sequence] : sequences) {
    if (sequence.frames.empty()) continue;  // labels of pictures that are not here
    files.push_back(sequence.frames.front());
    items.push_back(
        {sequence.frames.front(), [source, name = name, sequence = sequence, units](ImportWorker& worker) {
           std::vector<RawSample> samples;
           samples.push_back(read_sequence(source, name, sequence, units, worker));
           return samples;
         }});
  }
  declare_media(files, options, info);
  if (!files.empty()) info.modalities.at(stream_name::kFace).rate_hz = kFrameRateHz;
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
