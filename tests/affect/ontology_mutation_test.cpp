#include <gtest/gtest.h>

#include "limbic/affect/ontology.h"
#include "limbic/core/data_files.h"
#include "limbic/core/rng.h"
#include "support/paths.h"

namespace limbic::affect {
namespace {

/// The part of the built-in file that changes are made in: all kinds of entries, small enough to load 2,000
/// times.
constexpr const char* kSeed = R"(version: 1
levels: [root, family, basic]
sources: {children: computed, estimated: by us}
exclusive:
  - [good, bad]
concepts:
  affect: {level: root, synonyms: [emotion]}
  good: {level: family, parents: [affect]}
  bad: {level: family, parents: [affect]}
  joy: {level: basic, parents: [good], synonyms: [happy, glad], vad: [0.8, 0.5, 0.4], source: estimated}
  fear: {level: basic, parents: [bad], synonyms: [afraid], vad: [-0.6, 0.6, -0.4], source: estimated}
  calm: {level: basic, parents: [good], vad: [0.5, -0.4, 0.1], source: estimated}
tasks:
  two:
    classes:
      - {name: nice, concepts: [good]}
      - {name: nasty, concepts: [bad]}
    axis: valence
    cuts: [0]
corpora:
  some:
    tasks:
      emotion:
        labels: {hap: joy, fea: fear}
        codes: {"1": hap, "2": none}
        none: {none: nothing seen}
    values:
      valence: {axis: valence, low: 1, high: 9}
)";

/// Loads a text and asks everything of it; a problem must be an Error with a place.
bool survives(const std::string& text) {
  try {
    const auto ontology = Ontology::parse(text, "mutant.yaml");
    for (ConceptId id = 0; id < ontology.size(); ++id) {
      for (ConceptId other = 0; other < ontology.size(); ++other) {
        EXPECT_GE(ontology.distance(id, other), 0);
        EXPECT_GE(ontology.lowest_common_ancestor(id, other), 0);
        ontology.contradicts(id, other);
      }
      for (const auto& [name, task] : ontology.file().tasks) ontology.map_to_task(id, name);
      for (const auto& level : ontology.file().levels) ontology.at_level(id, level);
    }
    for (const auto& [corpus, entry] : ontology.file().corpora) {
      for (const auto& [task, labels] : entry.tasks) {
        for (const auto& [label, meaning] : labels.labels)
          EXPECT_TRUE(ontology.map_label(corpus, label, task).id.has_value()) << text;
      }
    }
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConfig) << error.what();
    EXPECT_EQ(std::string(error.what()).rfind("mutant.yaml", 0), 0u) << error.what();
    return false;
  }
}

std::string mutated(const std::string& seed, core::Rng& rng) {
  std::string text = seed;
  const auto below = [&](size_t n) { return static_cast<size_t>(rng.next() % n); };
  const size_t num_changes = 1 + below(2);
  for (size_t i = 0; i < num_changes && !text.empty(); ++i) {
    const size_t at = below(text.size());
    const size_t length = std::min(text.size() - at, 1 + below(24));
    switch (below(9)) {
      case 0:
        text[at] = static_cast<char>(text[at] ^ static_cast<char>(1 << below(8)));
        break;
      case 1:
        text.resize(at);
        break;
      case 2:
        text.erase(at, length);
        break;
      case 3:
        text.insert(below(text.size()), text.substr(at, length));
        break;
      case 4: {  // one line to another place
        const size_t start = text.rfind('\n', at) + 1;
        const std::string line = text.substr(start, text.find('\n', start) - start + 1);
        const size_t to = text.find('\n', below(text.size()));
        if (to != std::string::npos) text.insert(to + 1, line);
        break;
      }
      case 5:
      case 6: {  // one word for another
        static const char* const kWords[] = {"joy",       "fear",     "good", "bad", "affect", "basic",
                                             "root",      "family",   "calm", "[]",  "hap",    "-7",
                                             "estimated", "children", "0.5",  "none"};
        const char* const kLetters = "abcdefghijklmnopqrstuvwxyz_0123456789.";
        const size_t start = text.find_first_of(kLetters, at);
        if (start == std::string::npos) break;
        const size_t end = std::min(text.find_first_not_of(kLetters, start), text.size());
        text.replace(start, end - start, kWords[below(std::size(kWords))]);
        break;
      }
      default:
        text[at] = "{}[]:,-'\"#&*!|>%@ \t\n"[below(21)];
        break;
    }
  }
  return text;
}

TEST(OntologyMutation, TwoThousandChangedFilesLoadOrSayWhatIsWrong) {
  ASSERT_TRUE(survives(kSeed));
  core::Rng rng(4, 1, 2);
  int num_valid = 0;
  for (int i = 0; i < 2000; ++i) num_valid += survives(mutated(kSeed, rng)) ? 1 : 0;
  EXPECT_GT(num_valid, 50);
  EXPECT_LT(num_valid, 1500);
}

TEST(OntologyMutation, TheBuiltInFileChangedAnywhereLoadsOrSaysWhatIsWrong) {
  const std::string seed = core::read_file(core::data_file("ontology.yaml"));
  core::Rng rng(5, 1, 2);
  for (int i = 0; i < 30; ++i) {
    try {
      Ontology::parse(mutated(seed, rng), "mutant.yaml");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kConfig) << error.what();
    }
  }
}

TEST(OntologyMutation, AHugeGraphIsRefusedBeforeItCostsMemory) {
  std::string text =
      "levels: [a]\nsources: {e: e, children: c}\nconcepts:\n  c0: {level: a, vad: [0, 0, 0], source: e}\n";
  for (int i = 1; i < 2500; ++i)
    text += "  c" + std::to_string(i) + ": {level: a, parents: [c0], vad: [0, 0, 0], source: e}\n";
  EXPECT_NE(test::error_of([&] { Ontology::parse(text, "huge.yaml"); }, ErrorCode::kConfig)
                .find("must be 1 to 2000, got 2500"),
            std::string::npos);
}

}  // namespace
}  // namespace limbic::affect
