#include "limbic/data/label_mapping.h"

#include <gtest/gtest.h>

#include "support/paths.h"

namespace limbic::data {
namespace {

const affect::Ontology& shared_ontology() {
  static const affect::Ontology ontology = affect::Ontology::load();
  return ontology;
}

const affect::LabelSpace kRavdess{
    "emotion", {"neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"}};

TEST(LabelMapping, RavdessAndFer2013MeetInOneTask) {
  const auto ravdess = map_labels(kRavdess, "ravdess", "emotion7", shared_ontology());
  const auto fer =
      map_labels({"emotion", {"angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"}}, "fer2013",
                 "emotion7", shared_ontology());
  EXPECT_EQ(ravdess.classes, fer.classes);
  EXPECT_EQ(ravdess.class_of_label.at("fearful"), "fear");
  EXPECT_EQ(ravdess.class_of_label.at("surprised"), "surprise");
  EXPECT_EQ(ravdess.unmapped, std::vector<std::string>{"calm"});
  EXPECT_EQ(ravdess.reasons.at("calm"), "calm lies below no class of emotion7");
  EXPECT_TRUE(fer.unmapped.empty());
  for (const auto& [label, name] : fer.class_of_label) EXPECT_EQ(label, name);
}

TEST(LabelMapping, TheReportSaysWhatIsDroppedAndWhatIsMissing) {
  const auto map = map_labels({"emotion", {"ang", "xxx", "exc"}}, "iemocap", "emotion4", shared_ontology());
  EXPECT_EQ(mapping_report(map, {{"ang", 1103}, {"xxx", 2507}}),
            "ang -> angry (1103 samples)\n"
            "exc -> happy (0 samples)\n"
            "xxx dropped (2507 samples): the annotators did not agree\n"
            "without samples: neutral, sad\n");
  EXPECT_EQ(mapping_report(map).find("samples)"), std::string::npos);
}

TEST(LabelMapping, ALevelHasTheConceptsThatOccur) {
  const auto map = map_labels(kRavdess, "ravdess", "valence", shared_ontology());
  EXPECT_EQ(map.classes, (std::vector<std::string>{"ambiguous", "negative", "neutral_valence", "positive"}));
  EXPECT_EQ(map.class_of_label.at("calm"), "positive");
  EXPECT_EQ(map.label_space().task, "valence");
}

TEST(LabelMapping, TheTaskOfTheSameNameDecides) {
  const affect::LabelSpace sentiment{"sentiment", {"negative", "neutral", "positive"}};
  EXPECT_EQ(map_labels(sentiment, "meld", "sentiment3", shared_ontology()).class_of_label.at("neutral"),
            "neutral");
  const auto as_emotion = map_labels({"emotion", {"neutral", "joy"}}, "meld", "emotion7", shared_ontology());
  EXPECT_EQ(as_emotion.class_of_label.at("neutral"), "neutral");
  EXPECT_EQ(as_emotion.class_of_label.at("joy"), "happy");
}

TEST(LabelMapping, ACorpusOfOnesOwnIsReadByItsWords) {
  const auto map =
      map_labels({"mood", {"Furious", "Cheerful", "plonk"}}, "my_corpus", "emotion7", shared_ontology());
  EXPECT_EQ(map.class_of_label.at("Furious"), "angry");
  EXPECT_EQ(map.class_of_label.at("Cheerful"), "happy");
  EXPECT_EQ(map.unmapped, std::vector<std::string>{"plonk"});
  EXPECT_NE(map.reasons.at("plonk").find("no concept 'plonk'"), std::string::npos);
}

TEST(LabelMapping, EveryImportersLabelsAreKnown) {
  // Label spaces as the importers write them; every label means something or is `none` in the corpus'
  // section.
  const std::vector<std::pair<std::string, affect::LabelSpace>> spaces{
      {"ravdess", kRavdess},
      {"crema_d", {"emotion", {"anger", "disgust", "fear", "happy", "neutral", "sad"}}},
      {"emo_db", {"emotion", {"neutral", "anger", "boredom", "disgust", "fear", "happiness", "sadness"}}},
      {"savee", {"emotion", {"anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"}}},
      {"tess", {"emotion", {"angry", "disgust", "fear", "happy", "neutral", "pleasant surprise", "sad"}}},
      {"fer2013", {"emotion", {"angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"}}},
      {"ck_plus",
       {"emotion", {"neutral", "anger", "contempt", "disgust", "fear", "happy", "sadness", "surprise"}}},
      {"affect_net",
       {"emotion", {"neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"}}},
      {"afew", {"emotion", {"angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"}}},
      {"wesad_features", {"condition", {"baseline", "stress", "amusement", "meditation"}}},
      {"wesad_features", {"stress", {"non-stress", "stress"}}},
      {"stress_predict", {"stress", {"rest", "stress"}}},
      {"cog_load", {"load", {"rest", "load"}}},
      {"walk_imu", {"emotion", {"sad", "neutral", "happy"}}},
      {"k_emocon", {"self_arousal", {"low", "high"}}},
      {"simulated", {"emotion", {"neutral", "happy", "sad", "angry", "afraid", "calm"}}}};
  for (const auto& [corpus, space] : spaces) {
    for (const auto& label : space.classes) {
      const auto meaning = shared_ontology().map_label(corpus, label, space.task);
      EXPECT_TRUE(meaning.id || !meaning.reason.empty()) << corpus << " " << label;
    }
  }
  const auto stress = map_labels(spaces[9].second, "wesad_features", "stress2", shared_ontology());
  EXPECT_TRUE(stress.unmapped.empty());
  EXPECT_EQ(stress.class_of_label.at("meditation"), "no_stress");
  EXPECT_EQ(map_labels(spaces[12].second, "cog_load", "load2", shared_ontology()).unmapped.size(), 0u);
  EXPECT_EQ(map_labels(spaces[14].second, "k_emocon", "arousal2", shared_ontology()).class_of_label.at("low"),
            "low");
}

TEST(LabelMapping, MistakesAreErrors) {
  EXPECT_NE(test::error_of([] { map_labels(kRavdess, "ravdess", "emotoin7", shared_ontology()); },
                           ErrorCode::kConfig)
                .find("no task or level 'emotoin7'; did you mean 'emotion7'?"),
            std::string::npos);
  EXPECT_NE(test::error_of(
                [] {
                  map_labels({"speaker", {"anna", "bert"}}, "", "emotion7", shared_ontology());
                },
                ErrorCode::kConfig)
                .find("no label of task 'speaker' (anna, bert) has a class in 'emotion7'"),
            std::string::npos);
}

}  // namespace
}  // namespace limbic::data
