#include "limbic/affect/ontology.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <set>

#include "limbic/core/data_files.h"
#include "support/paths.h"

namespace limbic::affect {
namespace {

const Ontology& builtin() {
  static const Ontology ontology = Ontology::load();
  return ontology;
}

std::string class_of(const std::string& word, const std::string& task) {
  const auto found = builtin().map_to_task(builtin().id_of(word), task);
  return found ? builtin().task(task).classes[static_cast<size_t>(*found)].name : "-";
}

std::string meaning_of(const std::string& corpus, const std::string& label, const std::string& task = "") {
  const auto meaning = builtin().map_label(corpus, label, task);
  return meaning.id ? builtin().name(*meaning.id) : "none: " + meaning.reason;
}

/// A small ontology to make mistakes in.
std::string small(const std::string& concepts, const std::string& rest = "") {
  return "levels: [root, basic, fine]\n"
         "sources: {children: computed, estimated: by us}\n"
         "concepts:\n"
         "  affect: {level: root}\n"
         "  joy: {level: basic, parents: [affect], synonyms: [happy], vad: [0.8, 0.5, 0.4], source: "
         "estimated}\n"
         "  fear: {level: basic, parents: [affect], vad: [-0.6, 0.6, -0.4], source: estimated}\n" +
         concepts + rest;
}

std::string problem_of(const std::string& text) {
  return test::error_of([&] { Ontology::parse(text, "mine.yaml"); }, ErrorCode::kConfig);
}

TEST(Ontology, WordsAreFoundInAnySpelling) {
  for (const char* word : {"fear", "Fearful", "AFRAID", "scared"})
    EXPECT_EQ(builtin().name(builtin().id_of(word)), "fear");
  EXPECT_EQ(builtin().name(builtin().id_of("Pleasant Surprise")), "pleasant_surprise");
  EXPECT_EQ(builtin().name(builtin().id_of("pleasantly-surprised")), "pleasant_surprise");
  EXPECT_FALSE(builtin().find("banana"));
  const auto text = test::error_of([] { builtin().id_of("suprised"); }, ErrorCode::kConfig);
  EXPECT_EQ(
      text,
      "the ontology has no concept 'suprised'; did you mean 'surprised'?; `limbic ontology show` lists them");
}

TEST(Ontology, AncestorsGoFromNearToFar) {
  const auto ancestors = builtin().ancestors(builtin().id_of("terror"));
  std::vector<std::string> names;
  for (const ConceptId id : ancestors) names.push_back(builtin().name(id));
  EXPECT_EQ(names,
            (std::vector<std::string>{"fear", "negative_active", "high_arousal", "negative", "affect"}));
  EXPECT_TRUE(builtin().is_a(builtin().id_of("terror"), builtin().id_of("negative")));
  EXPECT_TRUE(builtin().is_a(builtin().id_of("fear"), builtin().id_of("fear")));
  EXPECT_FALSE(builtin().is_a(builtin().id_of("fear"), builtin().id_of("terror")));
}

TEST(Ontology, DistanceCountsEdgesOverTheLowestCommonAncestor) {
  const auto distance = [](const char* a, const char* b) {
    return builtin().distance(builtin().id_of(a), builtin().id_of(b));
  };
  const auto common = [](const char* a, const char* b) {
    return builtin().name(builtin().lowest_common_ancestor(builtin().id_of(a), builtin().id_of(b)));
  };
  EXPECT_EQ(distance("fear", "fear"), 0);
  EXPECT_EQ(distance("terror", "anxiety"), 2);
  EXPECT_EQ(distance("rage", "terror"), 4);
  EXPECT_EQ(distance("sadness", "anger"), 4);
  EXPECT_EQ(distance("joy", "anger"), 4);
  EXPECT_EQ(common("terror", "anxiety"), "fear");
  EXPECT_EQ(common("rage", "terror"), "negative_active");
  EXPECT_EQ(common("sadness", "anger"), "negative");
  EXPECT_EQ(common("joy", "anger"), "high_arousal");
  EXPECT_EQ(common("joy", "sadness"), "affect");
  EXPECT_EQ(common("fear", "terror"), "fear");
}

TEST(Ontology, DistanceIsAMetricAndAgreesWithBreadthFirstSearch) {
  // Ways may go down and up again in a graph; distance() allows one turn only, so it is never shorter.
  const int64_t n = builtin().size();
  for (ConceptId a = 0; a < n; a += 3) {
    for (ConceptId b = 0; b < n; ++b) {
      EXPECT_EQ(builtin().distance(a, b), builtin().distance(b, a));
      EXPECT_EQ(builtin().distance(a, b) == 0, a == b);
      const ConceptId c = builtin().lowest_common_ancestor(a, b);
      EXPECT_TRUE(builtin().is_a(a, c) && builtin().is_a(b, c));
      EXPECT_LE(builtin().distance(a, b), builtin().distance(a, c) + builtin().distance(b, c));
    }
  }
}

TEST(Ontology, NumbersAreThePublishedOnesAndFamiliesAreMeans) {
  const auto& anger = builtin().vad(builtin().id_of("anger"));
  EXPECT_EQ(anger.valence, -0.51);
  EXPECT_EQ(anger.arousal, 0.59);
  EXPECT_EQ(anger.dominance, 0.25);
  EXPECT_EQ(builtin().entry(builtin().id_of("anger")).source, "russell_mehrabian_1977");
  Vad mean;
  const ConceptId family = builtin().id_of("negative_passive");
  for (const ConceptId child : builtin().children(family)) mean.valence += builtin().vad(child).valence / 3.0;
  ASSERT_EQ(builtin().children(family).size(), 3u);
  EXPECT_NEAR(builtin().vad(family).valence, mean.valence, 1e-12);
}

TEST(Ontology, NumbersLieInTheQuadrantOfTheirFamily) {
  // The published exception: anxious has no valence of its own.
  const std::set<std::string> no_valence{"anxiety"};
  for (ConceptId id = 0; id < builtin().size(); ++id) {
    const auto below = [&](const char* family) { return builtin().is_a(id, builtin().id_of(family)); };
    const std::string& name = builtin().name(id);
    const Vad& vad = builtin().vad(id);
    EXPECT_TRUE(!below("positive") || vad.valence > 0.0) << name;
    EXPECT_TRUE(!below("negative") || vad.valence < 0.0 || no_valence.count(name) != 0) << name;
    EXPECT_TRUE(!below("neutral_valence") || std::abs(vad.valence) < 0.1) << name;
    EXPECT_TRUE(!below("high_arousal") || vad.arousal > 0.0) << name;
    EXPECT_TRUE(!below("low_arousal") || vad.arousal < 0.0) << name;
  }
}

TEST(Ontology, ConceptsMapToTheMostSpecificClass) {
  EXPECT_EQ(class_of("terror", "emotion7"), "fear");
  EXPECT_EQ(class_of("terror", "hri"), "horrified");
  EXPECT_EQ(class_of("anxiety", "hri"), "scared");
  EXPECT_EQ(class_of("excitement", "emotion4"), "happy");
  EXPECT_EQ(class_of("excitement", "iemocap6"), "excited");
  EXPECT_EQ(class_of("frustration", "emotion4"), "-");
  EXPECT_EQ(class_of("frustration", "sentiment3"), "negative");
  EXPECT_EQ(class_of("calm", "emotion7"), "-");
  EXPECT_EQ(class_of("calm", "ravdess8"), "calm");
  EXPECT_EQ(class_of("pleasant_surprise", "emotion7"), "surprise");
  EXPECT_EQ(class_of("pleasant_surprise", "sentiment4"), "positive");
  EXPECT_EQ(class_of("surprise", "sentiment4"), "ambiguous");
  EXPECT_EQ(class_of("surprise", "sentiment3"), "-");
  EXPECT_EQ(class_of("amusement", "stress2"), "no_stress");
  EXPECT_EQ(class_of("fear", "stress2"), "-");
  EXPECT_EQ(class_of("negative", "emotion7"), "-");
}

TEST(Ontology, GoEmotionsGroupsAsItsAuthorsGroupIt) {
  // The corpus' ekman_mapping and sentiment_mapping (Demszky et al. 2020).
  const std::map<std::string, std::set<std::string>> ekman{
      {"anger", {"anger", "annoyance", "disapproval"}},
      {"disgust", {"disgust"}},
      {"fear", {"fear", "nervousness"}},
      {"joy",
       {"joy", "amusement", "approval", "excitement", "gratitude", "love", "optimism", "relief", "pride",
        "admiration", "desire", "caring"}},
      {"neutral", {"neutral"}},
      {"sadness", {"sadness", "disappointment", "embarrassment", "grief", "remorse"}},
      {"surprise", {"surprise", "realization", "confusion", "curiosity"}}};
  size_t num_labels = 0;
  for (const auto& [group, labels] : ekman) {
    num_labels += labels.size();
    for (const auto& label : labels) {
      EXPECT_EQ(class_of(meaning_of("goemotions", label), "ekman7"), group) << label;
      const std::string sentiment = group == "joy"        ? "positive"
                                    : group == "surprise" ? "ambiguous"
                                    : group == "neutral"  ? "neutral"
                                                          : "negative";
      EXPECT_EQ(class_of(meaning_of("goemotions", label), "sentiment4"), sentiment) << label;
    }
  }
  EXPECT_EQ(num_labels, builtin().corpus("goemotions").tasks.at("emotion").labels.size());
}

TEST(Ontology, LevelsAreReached) {
  const auto at = [](const char* word, const char* level) {
    const auto id = builtin().at_level(builtin().id_of(word), level);
    return id ? builtin().name(*id) : "-";
  };
  EXPECT_EQ(at("terror", "basic"), "fear");
  EXPECT_EQ(at("terror", "quadrant"), "negative_active");
  EXPECT_EQ(at("terror", "valence"), "negative");
  EXPECT_EQ(at("terror", "arousal"), "high_arousal");
  EXPECT_EQ(at("fear", "fine"), "-");
  EXPECT_EQ(at("pleasant_surprise", "valence"), "positive");
  EXPECT_NE(test::error_of([&] { at("fear", "basc"); }, ErrorCode::kConfig).find("did you mean 'basic'?"),
            std::string::npos);
}

TEST(Ontology, ContradictionsFollowFromTheExclusiveLists) {
  const auto contradict = [](const char* a, const char* b) {
    const bool result = builtin().contradicts(builtin().id_of(a), builtin().id_of(b));
    EXPECT_EQ(result, builtin().contradicts(builtin().id_of(b), builtin().id_of(a)));
    return result;
  };
  EXPECT_TRUE(contradict("joy", "negative"));
  EXPECT_TRUE(contradict("joy", "neutral"));
  EXPECT_TRUE(contradict("pleasant_surprise", "negative"));
  EXPECT_FALSE(contradict("surprise", "negative"));
  EXPECT_FALSE(contradict("surprise", "joy"));
  EXPECT_FALSE(contradict("anger", "fear"));
  EXPECT_FALSE(contradict("excitement", "low_arousal"));
  EXPECT_FALSE(contradict("joy", "affect"));
  for (ConceptId id = 0; id < builtin().size(); ++id) EXPECT_FALSE(builtin().contradicts(id, id));
}

TEST(Ontology, EveryLabelOfEveryCorpusMeansSomethingOrSaysWhyNot) {
  size_t num_labels = 0;
  for (const auto& [corpus, entry] : builtin().file().corpora) {
    EXPECT_FALSE(entry.doc.empty()) << corpus;
    EXPECT_FALSE(entry.tasks.empty() && entry.values.empty()) << corpus;
    for (const auto& [task, labels] : entry.tasks) {
      std::set<std::string> spellings;
      for (const auto& [label, name] : labels.labels) spellings.insert(label);
      for (const auto& [label, reason] : labels.none) spellings.insert(label);
      for (const auto& [code, label] : labels.codes) spellings.insert(code);
      for (const auto& spelling : spellings) {
        const auto meaning = builtin().map_label(corpus, spelling, task);
        EXPECT_TRUE(meaning.id.has_value() || !meaning.reason.empty()) << corpus << " " << spelling;
        ++num_labels;
      }
    }
  }
  EXPECT_GE(builtin().file().corpora.size(), 25u);
  EXPECT_GE(num_labels, 300u);
}

TEST(Ontology, CodesAndSpellingsOfCorporaAreUnderstood) {
  EXPECT_EQ(meaning_of("ravdess", "05"), "anger");
  EXPECT_EQ(meaning_of("ravdess", "Fearful"), "fear");
  EXPECT_EQ(meaning_of("crema_d", "FEA"), "fear");
  EXPECT_EQ(meaning_of("emo_db", "L"), "boredom");
  EXPECT_EQ(meaning_of("emo_db", "A"), "fear");
  EXPECT_EQ(meaning_of("savee", "a"), "anger");
  EXPECT_EQ(meaning_of("tess", "ps"), "pleasant_surprise");
  EXPECT_EQ(meaning_of("iemocap", "exc"), "excitement");
  EXPECT_EQ(meaning_of("iemocap", "xxx"), "none: the annotators did not agree");
  EXPECT_EQ(meaning_of("affect_net", "10"), "none: no face, or a drawn or hidden one");
  EXPECT_EQ(meaning_of("emorynlp", "Powerful"), "power");
  EXPECT_EQ(meaning_of("wesad", "3"), "amusement");
  EXPECT_EQ(meaning_of("cog_load", "0"), "cognitive_load");
  EXPECT_EQ(meaning_of("walk_imu", "-1"), "sadness");
}

TEST(Ontology, ALabelOfTwoTasksNeedsItsTask) {
  EXPECT_EQ(meaning_of("meld", "neutral", "emotion"), "neutral");
  EXPECT_EQ(meaning_of("meld", "neutral", "sentiment"), "neutral_valence");
  EXPECT_EQ(meaning_of("meld", "joy"), "joy");
  EXPECT_EQ(test::error_of([] { meaning_of("meld", "neutral"); }, ErrorCode::kConfig),
            "'neutral' means different things in the tasks of meld; name the task");
  EXPECT_NE(test::error_of([] { meaning_of("meld", "angr", "emotion"); }, ErrorCode::kConfig)
                .find("'angr' is no label of meld, task emotion; did you mean 'anger'?"),
            std::string::npos);
  EXPECT_NE(test::error_of([] { meaning_of("mled", "joy"); }, ErrorCode::kConfig)
                .find("the ontology has no corpus 'mled'; did you mean 'meld'?"),
            std::string::npos);
}

TEST(Ontology, RatingsBecomeUnitsAndClasses) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(builtin().to_unit("deap", "valence", 9.0), 1.0);
  EXPECT_EQ(builtin().to_unit("deap", "valence", 5.0), 0.0);
  EXPECT_NEAR(*builtin().to_unit("mosi", "sentiment", -1.2), -0.4, 1e-12);
  EXPECT_EQ(builtin().to_unit("affect_net", "arousal", -2.0), std::nullopt);
  EXPECT_EQ(builtin().to_unit("deap", "valence", nan), std::nullopt);
  EXPECT_EQ(builtin().to_unit("recola", "arousal", 1.5), 1.0);
  EXPECT_EQ(builtin().map_value(0.0, "sentiment2"), 1);
  EXPECT_EQ(builtin().map_value(-0.01, "sentiment2"), 0);
  EXPECT_EQ(builtin().map_value(0.0, "sentiment3"), 1);
  EXPECT_EQ(builtin().map_value(0.2, "valence3"), 1);
  EXPECT_EQ(builtin().map_value(nan, "valence3"), std::nullopt);
  EXPECT_NE(test::error_of([] { builtin().map_value(0.0, "emotion7"); }, ErrorCode::kConfig).find("no cuts"),
            std::string::npos);
}

TEST(Ontology, MistakesAreToldAtTheirLine) {
  const std::string unknown =
      problem_of(small("  terror: {level: fine, parents: [faer], vad: [0, 0, 0], source: estimated}\n"));
  EXPECT_EQ(unknown.rfind("mine.yaml:7:", 0), 0u) << unknown;
  EXPECT_NE(
      unknown.find(
          "concepts.terror.parents: there is no concept 'faer'; did you mean 'fear'?\n    7 |   terror"),
      std::string::npos)
      << unknown;
  EXPECT_NE(problem_of(small("  a: {level: fine, parents: [joy, b], vad: [0, 0, 0], source: estimated}\n"
                             "  b: {level: fine, parents: [c], vad: [0, 0, 0], source: estimated}\n"
                             "  c: {level: fine, parents: [a], vad: [0, 0, 0], source: estimated}\n"))
                .find("parents form a cycle: a -> b -> c -> a"),
            std::string::npos);
  EXPECT_NE(problem_of(small("  glee: {level: fine, parents: [joy], synonyms: [Happy], vad: [0, 0, 0], "
                             "source: estimated}\n"))
                .find("concepts.joy.synonyms: 'happy' already means 'glee'"),
            std::string::npos);
  EXPECT_NE(problem_of(small("  glee: {level: fine, parents: [joy], vad: [1.5, 0, 0], source: estimated}\n"))
                .find("[-1, 1]"),
            std::string::npos);
  EXPECT_NE(problem_of(small("  glee: {level: fine, parents: [joy], vad: [0, 0], source: estimated}\n"))
                .find("must be [valence, arousal, dominance], got 2 numbers"),
            std::string::npos);
  EXPECT_NE(
      problem_of(small("  glee: {level: fine, parents: [joy], vad: [0, 0, 0]}\n")).find("need a source"),
      std::string::npos);
  EXPECT_NE(problem_of(small("  glee: {level: fine, parents: [joy]}\n")).find("neither vad nor children"),
            std::string::npos);
  EXPECT_NE(problem_of(small("  glee: {level: finest, parents: [joy], vad: [0, 0, 0], source: estimated}\n"))
                .find("'finest' is no level (root, basic, fine)"),
            std::string::npos);
  EXPECT_NE(problem_of(small("  glee: {level: basic, vad: [0, 0, 0], source: estimated}\n"))
                .find("exactly one concept has no parents, the root; here 2 (affect, glee)"),
            std::string::npos);
  EXPECT_NE(
      problem_of(small("  mixed: {level: fine, parents: [joy, fear], vad: [0, 0, 0], source: estimated}\n",
                       "exclusive: [[joy, fear]]\n"))
          .find("lies below joy and fear, which exclude each other"),
      std::string::npos);
  EXPECT_NE(
      problem_of(small("  mixed: {level: fine, parents: [joy, fear], vad: [0, 0, 0], source: estimated}\n"))
          .find("two concepts of level 'basic' are equally near: fear and joy"),
      std::string::npos);
}

TEST(Ontology, MistakesInTasksAndCorporaAreTold) {
  const auto task = [](const std::string& text) {
    return problem_of(small("", "tasks:\n  t: " + text + "\n"));
  };
  EXPECT_NE(task("{classes: [{name: a, concepts: [joy]}]}").find("must be 2 to 256, got 1"),
            std::string::npos);
  EXPECT_NE(task("{classes: [{name: a, concepts: [joy]}, {name: b, concepts: [joy]}]}")
                .find("'joy' is in a and in b"),
            std::string::npos);
  EXPECT_NE(task("{classes: [{name: a, concepts: [joy]}, {name: b, concepts: [faer]}]}")
                .find("did you mean 'fear'?"),
            std::string::npos);
  EXPECT_NE(task("{classes: [{name: a, concepts: [joy]}, {name: b, concepts: [fear]}], axis: valence, cuts: "
                 "[0, 0.5]}")
                .find("one fewer than classes"),
            std::string::npos);
  const auto corpus = [](const std::string& text) {
    return problem_of(small("", "corpora:\n  c: " + text + "\n"));
  };
  EXPECT_NE(corpus("{tasks: {emotion: {labels: {hap: jyo}}}}")
                .find("there is no concept 'jyo'; did you mean 'joy'?"),
            std::string::npos);
  EXPECT_NE(corpus("{tasks: {emotion: {labels: {hap: joy}, none: {xxx: ''}}}}").find("needs a reason"),
            std::string::npos);
  EXPECT_NE(corpus("{tasks: {emotion: {labels: {hap: joy}, codes: {'1': hpa}}}}")
                .find("neither in labels nor in none"),
            std::string::npos);
  EXPECT_NE(corpus("{values: {v: {axis: valence, low: 2, high: 1}}}").find("low must be less than high"),
            std::string::npos);
}

TEST(Ontology, AnOntologyOfOnesOwnExtendsTheBuiltInOne) {
  const test::TempDir dir;
  core::write_file(dir / "mine.yaml",
                   "base: " + core::data_file("ontology.yaml") +
                       "\nconcepts:\n  schadenfreude: {level: fine, parents: [joy], vad: [0.3, 0.3, 0.4], "
                       "source: estimated}\n");
  const auto mine = Ontology::load(dir / "mine.yaml");
  EXPECT_EQ(mine.size(), builtin().size() + 1);
  EXPECT_EQ(mine.map_to_task(mine.id_of("Schadenfreude"), "emotion7"),
            builtin().map_to_task(builtin().id_of("joy"), "emotion7"));
}

TEST(Ontology, TheBuiltInFileIsFoundWhereTheVariableSays) {
  const test::TempDir dir;
  setenv("LIMBIC_SHARE", dir.path().c_str(), 1);
  const auto text = test::error_of([] { core::data_file("ontology.yaml"); }, ErrorCode::kConfig);
  core::write_file(dir / "ontology.yaml", small(""));
  const auto path = core::data_file("ontology.yaml");
  unsetenv("LIMBIC_SHARE");
  EXPECT_EQ(text.rfind("ontology.yaml: not found in " + dir.path() + "; set LIMBIC_SHARE", 0), 0u) << text;
  EXPECT_EQ(path, dir / "ontology.yaml");
}

// MELD's annotators gave emotion and sentiment together: the ontology must not call any of their pairs
// impossible.
TEST(Ontology, NoPairOfMeldsEmotionsAndSentimentsContradictsItself) {
  LIMBIC_REQUIRE_DATA("meld_text/MELD/train_sent_emo.csv");
  std::ifstream file(test::real_data() + "/meld_text/MELD/train_sent_emo.csv");
  const auto& labels = builtin().corpus("meld").tasks;
  size_t num_rows = 0;
  for (std::string line; std::getline(file, line);) {
    // The two columns stand next to each other: ",joy,positive,".
    for (const auto& [emotion, meant] : labels.at("emotion").labels) {
      for (const auto& [sentiment, meant_too] : labels.at("sentiment").labels) {
        if (line.find("," + emotion + "," + sentiment + ",") == std::string::npos) continue;
        ++num_rows;
        EXPECT_FALSE(builtin().contradicts(builtin().id_of(meant), builtin().id_of(meant_too)))
            << emotion << " " << sentiment;
      }
    }
  }
  EXPECT_EQ(num_rows, 9989u);
}

}  // namespace
}  // namespace limbic::affect
