#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "import/dialogue/utterances.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"

namespace limbic::data {
namespace meld_import {

struct Split {
  const char* name;
  const char* table;
  const char* folder;
};
constexpr std::array<Split, 3> kSplits{{{"train", "train_sent_emo.csv", "train_splits"},
                                        {"dev", "dev_sent_emo.csv", "dev_splits_complete"},
                                        {"test", "test_sent_emo.csv", "output_repeated_splits_test"}}};

/// Clips whose video cannot be decoded as it was published (issues 39 and 52 of declare-lab/MELD). Some users
/// have cut their own, so they are tried.
const std::set<std::string> kDamaged{"train_dia125_utt3"};
/// Clips that were cut at wrong times: minutes instead of seconds (issue 20).
const std::set<std::string> kWronglyCut{"train_dia309_utt0", "test_dia38_utt4", "test_dia220_utt0"};

/// A row of a table.
struct Utterance {
  Sample sample;
  std::string text;
  std::string clip;  ///< path of its video, or empty
};

std::vector<Utterance> read_table(const std::string& source, const Split& split, const CorpusFiles& files,
                                  const DatasetInfo& info) {
  const std::string file = files.find(split.table);
  std::vector<Utterance> utterances;
  if (file.empty()) return utterances;
  const std::string sha256 = core::sha256_file(source + "/" + file);
  formats::CsvReader csv(source + "/" + file);
  formats::CsvRow row;
  std::set<std::string> ids;
  while (csv.next(row)) {
    const int64_t dialogue = row.integer("Dialogue_ID");
    const int64_t utterance = row.integer("Utterance_ID");
    require(dialogue >= 0 && utterance >= 0, ErrorCode::kData,
            row.where() + ": a negative Dialogue_ID or Utterance_ID");
    const double start_s = read_clock_time(row, "StartTime");
    const double end_s = read_clock_time(row, "EndTime");
    Utterance one;
    Sample& sample = one.sample;
    // Dialogue numbers begin anew in every split.
    sample.dialogue = fmt::format("{}_dia{}", split.name, dialogue);
    sample.id = fmt::format("{}_utt{}", sample.dialogue, utterance);
    require(ids.insert(sample.id).second, ErrorCode::kData,
            fmt::format("{}: dialogue {} has a second utterance {}", row.where(), dialogue, utterance));
    sample.corpus = "meld";
    sample.subject = without_blanks(row.text("Speaker"));
    sample.session = fmt::format("s{:02}e{:02}", row.integer("Season"), row.integer("Episode"));
    sample.clip = sample.session;
    sample.split = split.name;
    sample.turn = utterance;
    sample.t0 = core::Timestamp::from_seconds(start_s);
    if (end_s > start_s) sample.duration = core::Timestamp::from_seconds(end_s) - sample.t0;
    sample.labels = {{"emotion", lower_case(without_blanks(row.text("Emotion")))},
                     {"sentiment", lower_case(without_blanks(row.text("Sentiment")))}};
    for (const affect::LabelSpace& space : info.label_spaces)
      require_class(space, sample.labels.at(space.task), row.where());
    if (kWronglyCut.count(sample.id) > 0) sample.attributes["defect"] = "the clip is cut at wrong times";
    sample.source_path = file;
    sample.source_sha256 = sha256;
    one.text = row.text("Utterance");
    one.clip = files.find(split.folder, fmt::format("dia{}_utt{}.mp4", dialogue, utterance));
    utterances.push_back(std::move(one));
  }
  return utterances;
}

std::vector<RawSample> read_utterance(const std::string& source, const Utterance& utterance,
                                      ImportWorker& worker) {
  std::vector<RawSample> samples(1);
  RawSample& raw = samples.front();
  raw.sample = utterance.sample;
  if (!utterance.clip.empty()) {
    try {
      RawSample media;
      add_media(source + "/" + utterance.clip, worker, media);
      // The clip's clock starts where the utterance does.
      shift_streams(media, utterance.sample.t0);
      raw.streams = std::move(media.streams);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kData || kDamaged.count(utterance.sample.id) == 0) throw;
      raw.sample.attributes["defect"] = "the clip cannot be decoded";
    }
    raw.sample.source_path = utterance.clip;
    raw.sample.source_sha256 = core::sha256_file(source + "/" + utterance.clip);
  }
  raw.streams[stream_name::kText] = text_stream(utterance.text);
  raw.streams[stream_name::kText].t0 = utterance.sample.t0;
  return samples;
}

}  // namespace meld_import

// S. Poria et al., ACL 2019; github.com/declare-lab/MELD. Tables train_sent_emo.csv, dev_..., test_...;
// beside them, or below, the folders of clips of MELD.Raw.tar.gz.
ImportReport import_meld(const std::string& source, const std::string& out, const ImportOptions& options) {
  using namespace meld_import;
  DatasetInfo info;
  info.name = "meld";
  info.licence = "GPL-3.0 for the tables; the clips are from a television series, for research";
  info.citation =
      "S. Poria et al., MELD: A Multimodal Multi-Party Dataset for Emotion Recognition in Conversations, ACL "
      "2019";
  info.importer = "meld";
  info.label_spaces = {{"emotion", {"neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger"}},
                       {"sentiment", {"negative", "neutral", "positive"}}};
  info.modalities[stream_name::kText] = text_modality();
  info.known_defects = {
      "train dia125_utt3: the video cannot be decoded (issues 39, 52); its sound and face may be missing",
      "dev dia110_utt7: the video was never published (issues 22, 27)",
      "train dia309_utt0, test dia38_utt4 and dia220_utt0 are cut at wrong times, up to 5 minutes (issue "
      "20); attribute 'defect'",
      "test dia155_utt3 ends when it starts: its duration is unknown",
      "clips and transcripts were aligned automatically and part in places, such as train dia241, dia757, "
      "dia485 (issues 9, 30); "
      "about 200 clips of train have disturbed sound, such as dia793_utt0, dia164_utt5, dia682_utt1 (issue "
      "9)",
      "the official splits share speakers and episodes, and 52 pairs of utterances in two splits overlap in "
      "time by more than 0.1 s"};
  const CorpusFiles files(source);
  std::vector<Utterance> utterances;
  for (const Split& split : kSplits) {
    auto of_split = read_table(source, split, files, info);
    utterances.insert(utterances.end(), std::make_move_iterator(of_split.begin()),
                      std::make_move_iterator(of_split.end()));
  }
  require(!utterances.empty(), ErrorCode::kData,
          source + ": none of train_sent_emo.csv, dev_sent_emo.csv, test_sent_emo.csv is here");
  std::vector<std::string> clips;
  std::vector<std::string> missing;
  for (const Utterance& one : utterances) {
    if (one.clip.empty())
      missing.push_back(one.sample.id);
    else
      clips.push_back(one.clip);
  }
  if (!clips.empty()) {
    declare_media(clips, options, info);
    report_missing("meld", missing, utterances.size(), info);
  }
  std::vector<ImportItem> items;
  for (Utterance& one : utterances) {
    const std::string path = one.clip.empty() ? one.sample.source_path : one.clip;
    items.push_back({path, [source, one = std::move(one)](ImportWorker& worker) {
                       return read_utterance(source, one, worker);
                     }});
  }
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
