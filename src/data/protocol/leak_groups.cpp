#include <algorithm>
#include <array>
#include <set>
#include <unordered_map>

#include "limbic/data/sample.h"
#include "protocol/leak_search.h"

namespace limbic::data::detail {
namespace {

/// Numbers texts in the order of their first appearance.
class TextNumbers {
 public:
  int32_t operator()(std::string_view text) {
    return numbers_.emplace(text, static_cast<int32_t>(numbers_.size())).first->second;
  }
  int32_t size() const { return static_cast<int32_t>(numbers_.size()); }

 private:
  std::unordered_map<std::string_view, int32_t> numbers_;
};

LeakGroups groups_of(LeakKind kind, const char* word, const SampleTable& samples, Grouping grouping) {
  LeakGroups groups{kind, {}, grouping.size(), {}};
  groups.group_of.resize(static_cast<size_t>(samples.size()));
  for (int64_t i = 0; i < samples.size(); ++i) groups.group_of[static_cast<size_t>(i)] = grouping.of(i);
  groups.what = [grouping = std::move(grouping), word](int64_t row) {
    return std::string(word) + " " + grouping.name_of_row(row);
  };
  return groups;
}

/// People under all their names. One who has but one name is left to `subject`.
LeakGroups people(const SampleTable& samples, const LeakOptions& options) {
  LeakGroups groups{LeakKind::kPerson, std::vector<int32_t>(static_cast<size_t>(samples.size()), -1), 0, {}};
  const auto attributes = samples.attribute_names();
  const bool has_attribute = std::find(attributes.begin(), attributes.end(), "person") != attributes.end();
  const auto& same = options.policy.same_person;
  if (!has_attribute && same.empty()) return groups;
  const Grouping subjects(samples, GroupBy::kSubject);
  std::vector<std::string_view> by_name(static_cast<size_t>(subjects.size()));
  for (int32_t g = 0; g < subjects.size(); ++g) {
    const auto at = same.find(std::string(subjects.corpus(g)) + "/" + std::string(subjects.bare_name(g)));
    if (at != same.end()) by_name[static_cast<size_t>(g)] = at->second;
  }
  const auto person_of = [&samples, by_name, subjects](int64_t i) {
    const std::string_view named = samples.attribute("person", i);
    if (!named.empty()) return named;
    return subjects.of(i) < 0 ? std::string_view() : by_name[static_cast<size_t>(subjects.of(i))];
  };
  constexpr int32_t kNobodyYet = -2;
  TextNumbers number;
  std::vector<int32_t> first_subject;
  std::vector<bool> has_names;
  for (int64_t i = 0; i < samples.size(); ++i) {
    const std::string_view person = person_of(i);
    if (person.empty()) continue;
    const int32_t g = number(person);
    groups.group_of[static_cast<size_t>(i)] = g;
    if (static_cast<size_t>(g) == first_subject.size()) {
      first_subject.push_back(kNobodyYet);
      has_names.push_back(false);
    }
    int32_t& first = first_subject[static_cast<size_t>(g)];
    if (first == kNobodyYet) first = subjects.of(i);
    if (first < 0 || first != subjects.of(i)) has_names[static_cast<size_t>(g)] = true;
  }
  groups.size = number.size();
  for (int32_t& g : groups.group_of) {
    if (g >= 0 && !has_names[static_cast<size_t>(g)]) g = -1;
  }
  groups.what = [person_of](int64_t row) { return "person " + std::string(person_of(row)); };
  return groups;
}

/// Sessions that are more than a name: see Note [Leaks].
LeakGroups sessions(const SampleTable& samples, const LeakOptions& options) {
  LeakGroups groups = groups_of(LeakKind::kSession, "session", samples, Grouping(samples, GroupBy::kSession));
  if (options.groups_sessions || groups.size == 0) return groups;
  const Grouping subjects(samples, GroupBy::kSubject);
  std::vector<bool> is_joint(static_cast<size_t>(groups.size), false);
  for (const GroupBy by : {GroupBy::kDialogue, GroupBy::kClip}) {
    const Grouping together(samples, by);
    std::vector<int32_t> first_subject(static_cast<size_t>(together.size()), -1);
    for (int64_t i = 0; i < samples.size(); ++i) {
      const int32_t session = groups.group_of[static_cast<size_t>(i)];
      if (session < 0) continue;
      if (subjects.of(i) < 0) is_joint[static_cast<size_t>(session)] = true;
      if (together.of(i) < 0) continue;
      int32_t& first = first_subject[static_cast<size_t>(together.of(i))];
      if (first < 0) first = subjects.of(i);
      if (first != subjects.of(i)) is_joint[static_cast<size_t>(session)] = true;
    }
  }
  for (int32_t& g : groups.group_of) {
    if (g >= 0 && !is_joint[static_cast<size_t>(g)]) g = -1;
  }
  return groups;
}

/// Whether a file holds records of many recordings, so that sharing it means nothing.
bool is_table_file(std::string_view path) {
  static constexpr std::array<std::string_view, 22> kTables = {
      "csv", "tsv", "txt", "json", "jsonl", "ndjson", "yaml", "yml", "pkl", "pickle", "p",
      "npz", "npy", "h5",  "hdf5", "csd",   "mat",    "xlsx", "xls", "zip", "arff",   "parquet"};
  const size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) return false;
  std::string ending(path.substr(dot + 1));
  for (char& c : ending) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  // "pack.bin#1234" and the like name a place inside of a file.
  ending = ending.substr(0, ending.find_first_of("#:?"));
  return std::find(kTables.begin(), kTables.end(), ending) != kTables.end();
}

LeakGroups source_files(const SampleTable& samples) {
  LeakGroups groups = groups_of(LeakKind::kSource, "file", samples,
                                Grouping(samples, SampleField::kSourceSha256, /*within_corpus=*/false));
  // A table whose rows have hashes of their own shares none; only files that many samples name are asked.
  std::vector<int32_t> count(static_cast<size_t>(groups.size), 0);
  for (const int32_t g : groups.group_of) {
    if (g >= 0) ++count[static_cast<size_t>(g)];
  }
  for (int64_t i = 0; i < samples.size(); ++i) {
    int32_t& g = groups.group_of[static_cast<size_t>(i)];
    if (g < 0) continue;
    constexpr int32_t kFewCopies = 8;
    if (count[static_cast<size_t>(g)] > kFewCopies &&
        is_table_file(samples.text(SampleField::kSourcePath, i)))
      g = -1;
  }
  groups.what = [&samples](int64_t row) {
    return "file " + std::string(samples.text(SampleField::kSourcePath, row)) + " (" +
           std::string(samples.text(SampleField::kSourceSha256, row).substr(0, 12)) + ")";
  };
  return groups;
}

uint64_t mixed(uint64_t hash, uint64_t value) {
  hash ^= value + UINT64_C(0x9E3779B97F4A7C15) + (hash << 6) + (hash >> 2);
  hash *= UINT64_C(0xBF58476D1CE4E5B9);
  return hash ^ (hash >> 31);
}

/// Samples all of whose streams are equal.
LeakGroups copies(const SampleTable& samples, const Parts& parts, const LeakOptions& options) {
  LeakGroups groups{LeakKind::kContent, std::vector<int32_t>(static_cast<size_t>(samples.size()), -1), 0, {}};
  std::vector<std::string> streams;
  for (const auto& name : samples.stream_names()) {
    if (name != stream_name::kText && name != stream_name::kAnnotation) streams.push_back(name);
  }
  std::vector<std::pair<uint64_t, int64_t>> hashes;
  std::vector<uint64_t> hash_of(static_cast<size_t>(samples.size()), 0);
  std::vector<bool> has_any(static_cast<size_t>(samples.size()), false);
  for (size_t s = 0; s < streams.size(); ++s) {
    for (int64_t i = 0; i < samples.size(); ++i) {
      const auto content = samples.stream_content(streams[s], i);
      if (!content || parts[static_cast<size_t>(i)] == kUnused) continue;
      uint64_t& hash = hash_of[static_cast<size_t>(i)];
      hash = mixed(mixed(mixed(hash, s + 1), content->crc32), static_cast<uint64_t>(content->num_frames));
      has_any[static_cast<size_t>(i)] = true;
    }
  }
  for (int64_t i = 0; i < samples.size(); ++i) {
    if (has_any[static_cast<size_t>(i)]) hashes.emplace_back(hash_of[static_cast<size_t>(i)], i);
  }
  std::sort(hashes.begin(), hashes.end());
  for (size_t begin = 0; begin < hashes.size();) {
    size_t end = begin;
    bool is_split = false;
    for (; end < hashes.size() && hashes[end].first == hashes[begin].first; ++end) {
      is_split = is_split || parts[static_cast<size_t>(hashes[end].second)] !=
                                 parts[static_cast<size_t>(hashes[begin].second)];
    }
    std::vector<int64_t> originals;  // of different bytes; more than one is a rare accident
    for (size_t k = begin; is_split && k < end; ++k) {
      const int64_t row = hashes[k].second;
      const auto same = std::find_if(originals.begin(), originals.end(), [&](int64_t other) {
        return !options.is_copy || options.is_copy(other, row);
      });
      if (same != originals.end()) {
        int32_t& g = groups.group_of[static_cast<size_t>(*same)];
        if (g < 0) g = groups.size++;
        groups.group_of[static_cast<size_t>(row)] = g;
      } else {
        constexpr size_t kMostAccidents = 8;
        if (originals.size() < kMostAccidents) originals.push_back(row);
      }
    }
    begin = end;
  }
  groups.what = [&samples, streams](int64_t row) {
    std::string names;
    for (const auto& name : streams) {
      if (samples.has_stream(name, row)) names += (names.empty() ? "" : " and ") + name;
    }
    return "the content of " + std::string(samples.id(row)) + " (" + names + ")";
  };
  return groups;
}

/// A sample and the copies that were made of it.
LeakGroups augmented(const SampleTable& samples) {
  LeakGroups groups{
      LeakKind::kAugmented, std::vector<int32_t>(static_cast<size_t>(samples.size()), -1), 0, {}};
  const auto attributes = samples.attribute_names();
  if (std::find(attributes.begin(), attributes.end(), "original") == attributes.end()) return groups;
  TextNumbers number;
  for (int64_t i = 0; i < samples.size(); ++i) {
    const std::string_view original = samples.attribute("original", i);
    if (original.empty()) continue;
    const int32_t g = number(original);
    groups.group_of[static_cast<size_t>(i)] = g;
    // The original itself may name nobody.
    if (const int64_t of = samples.find(original); of >= 0) groups.group_of[static_cast<size_t>(of)] = g;
  }
  groups.size = number.size();
  groups.what = [&samples](int64_t row) {
    const std::string_view original = samples.attribute("original", row);
    return "the original " + std::string(original.empty() ? samples.id(row) : original);
  };
  return groups;
}

}  // namespace

LeakGroups leak_groups(LeakKind kind, const SampleTable& samples, const Parts& parts,
                       const LeakOptions& options) {
  switch (kind) {
    case LeakKind::kSample:
      return groups_of(kind, "sample", samples, Grouping(samples, SampleField::kId, /*within_corpus=*/false));
    case LeakKind::kSubject:
      return groups_of(kind, "subject", samples, Grouping(samples, GroupBy::kSubject));
    case LeakKind::kPerson:
      return people(samples, options);
    case LeakKind::kSession:
      return sessions(samples, options);
    case LeakKind::kDialogue:
      return groups_of(kind, "dialogue", samples, Grouping(samples, GroupBy::kDialogue));
    case LeakKind::kRecording:
      return groups_of(kind, "recording", samples, Grouping(samples, GroupBy::kClip));
    case LeakKind::kSource:
      return source_files(samples);
    case LeakKind::kContent:
      return copies(samples, parts, options);
    case LeakKind::kAugmented:
      return augmented(samples);
    case LeakKind::kTurn:
    case LeakKind::kOverlap:
    case LeakKind::kContext:
    case LeakKind::kOfficial:
      break;
  }
  return {kind, {}, 0, {}};
}

void find_groups(const LeakGroups& groups, const SampleTable& samples, const Parts& parts,
                 LeakReport& report) {
  constexpr int32_t kNone = -1;
  std::array<std::vector<int32_t>, 3> first_row;
  for (auto& rows : first_row) rows.assign(static_cast<size_t>(groups.size), kNone);
  for (size_t i = 0; i < groups.group_of.size(); ++i) {
    if (groups.group_of[i] < 0 || parts[i] == kUnused) continue;
    int32_t& first = first_row[static_cast<size_t>(parts[i])][static_cast<size_t>(groups.group_of[i])];
    if (first == kNone) first = static_cast<int32_t>(i);
  }
  for (size_t g = 0; g < static_cast<size_t>(groups.size); ++g) {
    int32_t low = kNone;
    int32_t high = kNone;
    for (const auto& rows : first_row) {
      if (rows[g] == kNone) continue;
      if (low == kNone) low = rows[g];
      high = rows[g];
    }
    if (low != high) add_leak(report, leak_between(groups.kind, groups.what(low), samples, parts, low, high));
  }
}

}  // namespace limbic::data::detail
