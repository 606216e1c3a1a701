#include <fmt/format.h>

#include <array>
#include <set>

#include "import/dialogue/utterances.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"

namespace limbic::data {
namespace emorynlp_import {

/// The names in a Python list of strings: "['Monica Geller', \"Phoebe's Assistant\"]".
/// @throws Error(kData) with the row
std::vector<std::string> read_names(const formats::CsvRow& row) {
  const std::string text = without_blanks(row.text("Speaker"));
  const auto fail = [&]() {
    throw Error(ErrorCode::kData, fmt::format("{}: Speaker is {}; expected a list such as ['Monica Geller']",
                                              row.where(), text.substr(0, 80)));
  };
  std::vector<std::string> names;
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') fail();
  const size_t end = text.size() - 1;
  for (size_t at = 1; at < end;) {
    if (text[at] == ' ' || text[at] == ',') {
      ++at;
      continue;
    }
    const char quote = text[at];
    if (quote != '\'' && quote != '"') fail();
    std::string name;
    for (++at; at < end && text[at] != quote; ++at) {
      if (text[at] == '\\' && at + 1 < end) ++at;
      name += text[at];
    }
    if (at >= end || name.empty()) fail();
    ++at;
    names.push_back(std::move(name));
  }
  if (names.empty()) fail();
  return names;
}

}  // namespace emorynlp_import

// S. Zahiri, J. Choi, AAAI workshops 2018; the tables of github.com/declare-lab/MELD, data/emorynlp.
ImportReport import_emorynlp(const std::string& source, const std::string& out,
                             const ImportOptions& options) {
  using namespace emorynlp_import;
  DatasetInfo info;
  info.name = "emorynlp";
  info.licence =
      "Apache-2.0 (github.com/emorynlp/emotion-detection); transcripts of a television series, for research";
  info.citation =
      "S. Zahiri, J. D. Choi, Emotion Detection on TV Show Transcripts with Sequence-Based Convolutional "
      "Neural Networks, AAAI "
      "workshops 2018";
  info.importer = "emorynlp";
  const affect::LabelSpace emotions{"emotion",
                                    {"joyful", "mad", "peaceful", "neutral", "sad", "powerful", "scared"}};
  info.label_spaces = {emotions};
  info.modalities[stream_name::kText] = text_modality();
  info.known_defects = {
      "the official splits share speakers, though no episode",
      "utterances of several speakers at once have these, joined by ' & ', as their subject"};
  const CorpusFiles files(source);
  std::vector<ImportItem> items;
  for (const std::string split : {"train", "dev", "test"}) {
    const std::string file = files.find(fmt::format("emorynlp_{}_final.csv", split));
    if (file.empty()) continue;
    const std::string sha256 = core::sha256_file(source + "/" + file);
    formats::CsvReader csv(source + "/" + file);
    formats::CsvRow row;
    std::set<std::string> ids;
    while (csv.next(row)) {
      Sample sample;
      sample.corpus = "emorynlp";
      sample.session = fmt::format("s{:02}e{:02}", row.integer("Season"), row.integer("Episode"));
      sample.dialogue = fmt::format("{}_c{:02}", sample.session, row.integer("Scene_ID"));
      sample.turn = row.integer("Utterance_ID");
      require(sample.turn >= 0, ErrorCode::kData, row.where() + ": a negative Utterance_ID");
      sample.id = fmt::format("{}_u{:03}", sample.dialogue, sample.turn);
      require(ids.insert(sample.id).second, ErrorCode::kData,
              fmt::format("{}: a second utterance {}", row.where(), sample.id));
      sample.clip = sample.session;
      sample.split = split;
      const auto names = read_names(row);
      for (const std::string& name : names) sample.subject += (sample.subject.empty() ? "" : " & ") + name;
      if (names.size() > 1) sample.attributes["speakers"] = std::to_string(names.size());
      sample.labels["emotion"] = lower_case(without_blanks(row.text("Emotion")));
      require_class(emotions, sample.labels.at("emotion"), row.where());
      const double start_s = read_clock_time(row, "Start_Time");
      const double end_s = read_clock_time(row, "End_Time");
      sample.t0 = core::Timestamp::from_seconds(start_s);
      if (end_s > start_s) sample.duration = core::Timestamp::from_seconds(end_s) - sample.t0;
      sample.source_path = file;
      sample.source_sha256 = sha256;
      items.push_back({file, [sample, text = row.text("Utterance")](ImportWorker&) {
                         std::vector<RawSample> samples(1);
                         samples[0].sample = sample;
                         samples[0].streams[stream_name::kText] = text_stream(text);
                         samples[0].streams[stream_name::kText].t0 = sample.t0;
                         return samples;
                       }});
    }
  }
  require(!items.empty(), ErrorCode::kData,
          source + ": no emorynlp_train_final.csv, emorynlp_dev_final.csv or emorynlp_test_final.csv here");
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
