#include "import/dialogue/conversation_media.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "import/dialogue/utterances.h"
#include "limbic/core/error.h"

namespace limbic::data::conversation_import {
namespace {

namespace fs = std::filesystem;

/// Words of a file name: "Dyad1-P2.left.wav" -> dyad1, p2, left, wav.
std::set<std::string> words_of(const std::string& name) {
  std::set<std::string> words;
  std::string word;
  for (const char c : lower_case(name) + " ") {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c & 0x80) != 0) {
      word += c;
    } else if (!word.empty()) {
      words.insert(word);
      word.clear();
    }
  }
  return words;
}

/// "./a%20b.mp4" or "file:///D:/x/a b.mp4" -> "a b.mp4": only its name counts, for paths of other computers
/// lead nowhere.
std::string file_name_of(const std::string& url) {
  std::string decoded;
  for (size_t i = 0; i < url.size(); ++i) {
    const auto digit = [&](size_t at) {
      const char c = at < url.size() ? url[at] : 'x';
      return c >= '0' && c <= '9'   ? c - '0'
             : c >= 'a' && c <= 'f' ? c - 'a' + 10
             : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                    : -1;
    };
    if (url[i] == '%' && digit(i + 1) >= 0 && digit(i + 2) >= 0) {
      decoded += static_cast<char>(digit(i + 1) * 16 + digit(i + 2));
      i += 2;
    } else {
      decoded += url[i];
    }
  }
  const size_t slash = decoded.find_last_of("/\\");
  return slash == std::string::npos ? decoded : decoded.substr(slash + 1);
}

/// The media files of one person: those that conversation.yaml names, else those with the person's name in
/// theirs, else a file that is the only one of its kind, which everybody shares. Whose face is whose in a
/// shared video only `regions` can say.
std::vector<std::string> media_of(const Wanted& wanted, const ConversationConfig& config,
                                  const std::vector<std::string>& media) {
  const std::string& person = wanted.person;
  const auto named = config.media.find(person);
  const auto person_words = words_of(person);
  std::vector<std::string> mine;
  for (const std::string& file : media) {
    const std::string name = fs::path(file).filename().string();
    if (named != config.media.end()) {
      if (matches_any(named->second, name)) mine.push_back(file);
      continue;
    }
    const auto words = words_of(stem_of(file));
    const bool is_named = !person_words.empty() &&
                          std::includes(words.begin(), words.end(), person_words.begin(), person_words.end());
    const auto num_alike = std::count_if(media.begin(), media.end(), [&](const std::string& other) {
      return file_kind(other) == file_kind(file);
    });
    const bool tells_people_apart =
        wanted.is_alone || file_kind(file) == FileKind::kAudio || config.regions.count(person) > 0;
    if (is_named || (num_alike == 1 && tells_people_apart)) mine.push_back(file);
  }
  for (const FileKind kind : {FileKind::kAudio, FileKind::kVideo}) {
    const auto count = std::count_if(mine.begin(), mine.end(),
                                     [&](const std::string& file) { return file_kind(file) == kind; });
    require(count <= 1, ErrorCode::kData,
            fmt::format("{}: {} files of {} for '{}'; name the right one under `media` in conversation.yaml",
                        wanted.eaf, count, kind == FileKind::kAudio ? "sound" : "video", person));
  }
  return mine;
}

PictureRegion region_of(const ConversationConfig& config, const std::string& person) {
  const auto found = config.regions.find(person);
  if (found == config.regions.end()) return {};
  return {found->second[0], found->second[1], found->second[2], found->second[3]};
}

}  // namespace

std::map<std::string, RawStream> read_recording(const Wanted& wanted, const ConversationConfig& config,
                                                const formats::EafFile& eaf,
                                                const std::vector<std::string>& media, ImportWorker& worker) {
  const auto mine = media_of(wanted, config, media);
  std::map<std::string, RawStream> streams;
  // Sound of its own file comes before that of the video: a close microphone before a camera's.
  for (const FileKind kind : {FileKind::kAudio, FileKind::kVideo}) {
    for (const std::string& file : mine) {
      if (file_kind(file) != kind) continue;
      const std::string path = wanted.source + "/" + file;
      RawSample raw;
      if (kind == FileKind::kVideo)
        raw.streams[stream_name::kFace] =
            std::move(read_face_regions(path, {region_of(config, wanted.person)}, worker).front());
      if (kind == FileKind::kAudio || (streams.count(stream_name::kAudioWave) == 0 && has_sound(path)))
        raw.streams[stream_name::kAudioWave] = read_sound(path);
      const std::string name = fs::path(file).filename().string();
      for (const formats::EafMedia& entry : eaf.media) {
        if (file_name_of(entry.url) != name && file_name_of(entry.relative_url) != name) continue;
        shift_streams(raw, core::Timestamp::from_seconds(-entry.time_origin_s));
        break;
      }
      streams.merge(raw.streams);
    }
  }
  return streams;
}

}  // namespace limbic::data::conversation_import
