#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>

#include "import/pipeline.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/formats/pickle.h"

namespace limbic::data {
namespace iemocap_ded_import {

const std::vector<std::string> kClasses = {"ang", "hap", "neu", "sad"};

/// What an utterance's name says: Ses01F_impro01_M003 is session 1, said by the man.
struct Name {
  std::string session;  ///< "Ses01"
  std::string speaker;  ///< "Ses01M"
};

Name parse_name(const formats::PickleValue& where, const std::string& name, const std::string& dialogue) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto is_sex = [](char c) { return c == 'F' || c == 'M'; };
  const size_t last = name.rfind('_');
  if (name.size() < 8 || name.compare(0, 3, "Ses") != 0 || !is_digit(name[3]) || !is_digit(name[4]) ||
      last == std::string::npos || last + 1 >= name.size() || !is_sex(name[last + 1]) ||
      name.compare(0, dialogue.size() + 1, dialogue + "_") != 0) {
    where.fail(fmt::format("an utterance '{}'; expected a name such as {}_F000", name, dialogue));
  }
  return {name.substr(0, 5), name.substr(0, 5) + name[last + 1]};
}

struct Tables {
  formats::PickleValue outputs, labels, dialogues;
  std::string sha256;  ///< of all three files
};

std::vector<RawSample> read_dialogue(const Tables& tables, uint64_t index) {
  const std::string dialogue = tables.dialogues.key(index).text();
  const formats::PickleValue names = tables.dialogues.value(index);
  std::vector<RawSample> samples;
  for (const std::string& name : names.texts()) {
    const Name parsed = parse_name(names, name, dialogue);
    RawSample raw;
    Sample& sample = raw.sample;
    sample.id = name;
    sample.corpus = "iemocap";
    sample.subject = parsed.speaker;
    sample.session = parsed.session;
    sample.dialogue = dialogue;
    sample.turn = static_cast<int64_t>(samples.size());
    sample.clip = name;
    const std::string label = tables.labels.at(name).text();
    sample.attributes["raw_label"] = label;
    const std::string mapped = label == "exc" ? "hap" : label;
    if (std::find(kClasses.begin(), kClasses.end(), mapped) != kClasses.end())
      sample.labels["emotion"] = mapped;
    sample.source_path = "outputs.pkl";
    sample.source_sha256 = tables.sha256;
    if (const auto logits = tables.outputs.find(name)) {
      const auto values = logits->reals();
      if (values.size() != kClasses.size())
        logits->fail(fmt::format("{} logits; expected {}", values.size(), kClasses.size()));
      raw.streams["logits"] = series_stream(values, kClasses.size(), 0.0);
    }
    samples.push_back(std::move(raw));
  }
  return samples;
}

}  // namespace iemocap_ded_import

// Outputs of a speech classifier for IEMOCAP, with the order of its dialogues (Yeh et al. 2020, "A dialogical
// emotion decoder for speech emotion recognition in spoken dialog"): outputs.pkl utterance -> 4 logits,
// emo_all_iemocap.pkl utterance -> label, dialog_iemocap.pkl dialogue -> utterances in order.
ImportReport import_iemocap_ded(const std::string& source, const std::string& out,
                                const ImportOptions& options) {
  using namespace iemocap_ded_import;
  core::Sha256 hash;
  const auto table = [&](const char* name) {
    const std::string path = source + "/" + name;
    require(std::filesystem::exists(path), ErrorCode::kData,
            path + ": missing; expected outputs.pkl, emo_all_iemocap.pkl and dialog_iemocap.pkl");
    const std::string digest = core::sha256_file(path);
    hash.update(digest.data(), digest.size());
    return formats::read_pickle(path);
  };
  formats::PickleValue outputs = table("outputs.pkl");
  formats::PickleValue labels = table("emo_all_iemocap.pkl");
  formats::PickleValue dialogues = table("dialog_iemocap.pkl");
  const auto tables = std::make_shared<const Tables>(Tables{outputs, labels, dialogues, hash.hex()});
  uint64_t num_in_dialogues = 0;
  std::map<std::string, uint64_t> places;
  for (uint64_t i = 0; i < dialogues.size(); ++i) {
    num_in_dialogues += dialogues.value(i).size();
    places.emplace(dialogues.key(i).text(), i);
  }
  if (num_in_dialogues != labels.size())
    labels.fail(fmt::format("{} utterances, but the dialogues have {}", labels.size(), num_in_dialogues));

  DatasetInfo info;
  info.name = "iemocap_ded";
  info.licence = "IEMOCAP: research only, on request; no redistribution";
  info.citation =
      "C. Busso et al., IEMOCAP, Language Resources and Evaluation 42, 2008; S.-L. Yeh et al., A dialogical "
      "emotion decoder for speech emotion recognition in spoken dialog, ICASSP 2020";
  info.importer = "iemocap_ded";
  info.clock = "clip";
  info.label_spaces = {{"emotion", kClasses}};
  info.modalities["logits"] = series_modality(kClasses, 0.0);
  info.known_defects = {
      "hap holds excitement too; utterances with other labels have none here, see attribute raw_label",
      "where the logits come from is not said: presumably five models, each trained without one session",
      "the utterances have no times"};
  std::vector<ImportItem> items;
  for (const auto& [dialogue, index] : places) {
    items.push_back(
        {dialogue, [tables, index = index](ImportWorker&) { return read_dialogue(*tables, index); }});
  }
  return run_import(source, out, info, std::move(items), options);
}

}  // namespace limbic::data
