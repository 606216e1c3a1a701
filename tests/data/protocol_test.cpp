#include "limbic/data/protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "limbic/config/config.h"
#include "support/paths.h"

namespace limbic::data {
namespace {

using ::testing::HasSubstr;

/// 20 actors with 10 clips each, classes in turn.
std::vector<Sample> actors() {
  std::vector<Sample> samples;
  for (int actor = 1; actor <= 20; ++actor) {
    for (int i = 0; i < 10; ++i) {
      Sample sample;
      sample.id = "a" + std::to_string(actor) + "_" + std::to_string(i);
      sample.subject = (actor < 10 ? "actor_0" : "actor_") + std::to_string(actor);
      sample.clip = sample.id;
      sample.labels["emotion"] = i % 2 == 0 ? "happy" : "sad";
      samples.push_back(sample);
    }
  }
  return samples;
}

/// 1000 pictures of unknown people, 9 of 10 happy, with an official split.
std::vector<Sample> pictures() {
  std::vector<Sample> samples;
  for (int i = 0; i < 1000; ++i) {
    Sample sample;
    sample.id = "p" + std::to_string(i);
    sample.split = i < 800 ? "train" : "public_test";
    sample.labels["emotion"] = i % 10 == 0 ? "sad" : "happy";
    samples.push_back(sample);
  }
  return samples;
}

std::set<std::string> subjects_of(const std::vector<Sample>& samples, const std::vector<int64_t>& part) {
  std::set<std::string> names;
  for (const int64_t i : part) names.insert(samples[static_cast<size_t>(i)].subject);
  return names;
}

int64_t count_label(const std::vector<Sample>& samples, const std::vector<int64_t>& part,
                    const std::string& label) {
  return std::count_if(part.begin(), part.end(), [&](int64_t i) {
    return samples[static_cast<size_t>(i)].labels.at("emotion") == label;
  });
}

void expect_disjoint(const Split& split, size_t total) {
  std::vector<int64_t> all;
  for (const auto* name : {"train", "val", "test"}) {
    const auto& part = split.part(name);
    EXPECT_TRUE(std::is_sorted(part.begin(), part.end()));
    all.insert(all.end(), part.begin(), part.end());
  }
  EXPECT_EQ(all.size(), total);
  EXPECT_EQ(std::set<int64_t>(all.begin(), all.end()).size(), total);
}

TEST(GroupsProtocol, RangesNamesAndNumbersNameTheSameActors) {
  const auto samples = actors();
  const auto split = make_split(
      samples, GroupsProtocol{GroupBy::kSubject, {"1-16"}, {"actor_17", "18"}, {"actor_19-actor_20"}});
  expect_disjoint(split, 200);
  EXPECT_EQ(split.train.size(), 160u);
  EXPECT_EQ(subjects_of(samples, split.val), (std::set<std::string>{"actor_17", "actor_18"}));
  EXPECT_EQ(subjects_of(samples, split.test), (std::set<std::string>{"actor_19", "actor_20"}));
  EXPECT_EQ(split.description, "groups: train 160 (16 subjects), val 20 (2 subjects), test 20 (2 subjects)");
}

TEST(GroupsProtocol, ComesFromYaml) {
  const auto config =
      config::load_text<GroupsProtocol>("{train: [1-16], val: [17, 18], test: [19-20]}", "recipe.yaml");
  EXPECT_EQ(make_split(actors(), config).val.size(), 20u);
}

TEST(GroupsProtocol, RefusesAGroupInTwoPartsAndListsAllOfThem) {
  const auto error = test::error_of(
      [&] {
        make_split(actors(), GroupsProtocol{GroupBy::kSubject, {"1-16"}, {"15-17"}, {"18-20"}});
      },
      ErrorCode::kData);
  EXPECT_THAT(error, HasSubstr("subject in two parts: actor_15 (train and val), actor_16 (train and val)"));
}

TEST(GroupsProtocol, RefusesNamesThatMatchNothingWithASuggestion) {
  const auto error = test::error_of(
      [&] {
        make_split(actors(), GroupsProtocol{GroupBy::kSubject, {"1-16"}, {"actr_17"}, {"31-40"}});
      },
      ErrorCode::kData);
  EXPECT_THAT(error, HasSubstr("'actr_17' (val); did you mean 'actor_17'?"));
  EXPECT_THAT(error, HasSubstr("'31-40' (test)"));
}

TEST(GroupsProtocol, RefusesAClipThatLiesInTwoPartsThroughItsSubjects) {
  auto samples = actors();
  samples[0].clip = samples[199].clip = "duet";
  const auto error = test::error_of(
      [&] {
        make_split(samples, GroupsProtocol{GroupBy::kSubject, {"1-16"}, {}, {"17-20"}});
      },
      ErrorCode::kData);
  EXPECT_THAT(error, HasSubstr("clip in two parts: duet"));
}

TEST(OfficialProtocol, CarvesAStratifiedValidationPartOutOfTraining) {
  const auto samples = pictures();
  OfficialProtocol config;
  config.test = {"public_test"};
  const auto split = make_split(samples, config);
  expect_disjoint(split, 1000);
  EXPECT_EQ(split.val.size(), 80u);
  EXPECT_EQ(count_label(samples, split.val, "sad"), 8);
  EXPECT_EQ(split.test.size(), 200u);
  EXPECT_EQ(make_split(samples, config).hash, split.hash);
  std::get<CarvedValidation>(config.val).seed = 1;
  EXPECT_NE(make_split(samples, config).hash, split.hash);
}

TEST(OfficialProtocol, CarvesWholeGroupsWhereTheyAreKnown) {
  auto samples = actors();
  for (auto& sample : samples) sample.split = sample.subject < "actor_17" ? "train" : "test";
  const auto split = make_split(samples, OfficialProtocol{});
  EXPECT_EQ(subjects_of(samples, split.val).size(), 2u);  // 16 actors, a tenth: 1.6
  for (const auto& name : subjects_of(samples, split.val))
    EXPECT_EQ(subjects_of(samples, split.train).count(name), 0u);
}

TEST(OfficialProtocol, NamesWhatThereIs) {
  OfficialProtocol config;
  config.test = {"publik_test"};
  EXPECT_THAT(test::error_of([&] { make_split(pictures(), config); }, ErrorCode::kData),
              HasSubstr("no sample has the split 'publik_test'; there are public_test, train; did you mean "
                        "'public_test'?"));
  EXPECT_THAT(test::error_of([&] { make_split(actors(), OfficialProtocol{}); }, ErrorCode::kData),
              HasSubstr("no official split"));
  config.test = {"public_test"};
  config.val = NamedValidation{{"public_test"}};
  EXPECT_THAT(test::error_of([&] { make_split(pictures(), config); }, ErrorCode::kData),
              HasSubstr("belongs to one part"));
}

TEST(GroupKFoldProtocol, EveryGroupTestsExactlyOnceAndNeverTrainsThen) {
  const auto samples = actors();
  std::map<std::string, int> times_tested;
  for (int64_t fold = 0; fold < 5; ++fold) {
    const auto split = make_split(samples, GroupKFoldProtocol{5, fold});
    expect_disjoint(split, 200);
    EXPECT_EQ(split.test.size(), 40u);
    EXPECT_EQ(split.val.size(), 40u);
    for (const auto& name : subjects_of(samples, split.test)) {
      ++times_tested[name];
      EXPECT_EQ(subjects_of(samples, split.train).count(name), 0u);
      EXPECT_EQ(subjects_of(samples, split.val).count(name), 0u);
    }
  }
  EXPECT_EQ(times_tested.size(), 20u);
  for (const auto& [name, times] : times_tested) EXPECT_EQ(times, 1) << name;
  EXPECT_THAT(test::error_of(
                  [&] {
                    make_split(samples, GroupKFoldProtocol{21, 0});
                  },
                  ErrorCode::kData),
              HasSubstr("20 subject(s) cannot make 21 folds"));
}

TEST(FractionProtocol, KeepsSubjectsWholeAndPicturesOfUnknownPeopleSingle) {
  const auto samples = actors();
  const auto split = make_split(samples, FractionProtocol{0.2, 0.2});
  expect_disjoint(split, 200);
  EXPECT_EQ(split.test.size(), 40u);
  EXPECT_EQ(split.val.size(), 40u);
  EXPECT_EQ(subjects_of(samples, split.train).size(), 12u);
  const auto single = make_split(pictures(), FractionProtocol{0.15, 0.1});
  EXPECT_EQ(single.test.size(), 100u);
  EXPECT_EQ(single.val.size(), 150u);
  EXPECT_EQ(count_label(pictures(), single.test, "sad"), 10);
}

TEST(Protocol, RefusesEmptyParts) {
  std::vector<Sample> one_subject(4);
  for (size_t i = 0; i < one_subject.size(); ++i) {
    one_subject[i].id = "s" + std::to_string(i);
    one_subject[i].subject = "only";
  }
  EXPECT_THAT(test::error_of([&] { make_split(one_subject, FractionProtocol{}); }, ErrorCode::kData),
              HasSubstr("expected at least 2"));
  EXPECT_THAT(
      test::error_of([&] { make_split(actors(), FractionProtocol{}).part("trian"); }, ErrorCode::kConfig),
      HasSubstr("did you mean 'train'"));
}

TEST(Protocol, ConfigRangesAreChecked) {
  EXPECT_THAT(test::error_of([&] { config::load_text<GroupKFoldProtocol>("{k: 5, fold: 5}", "r.yaml"); },
                             ErrorCode::kConfig),
              HasSubstr("must be in [0, k), got 5"));
  EXPECT_THAT(test::error_of([&] { config::load_text<FractionProtocol>("{val: 0.6, test: 0.5}", "r.yaml"); },
                             ErrorCode::kConfig),
              HasSubstr("val + test must be below 1"));
}

}  // namespace
}  // namespace limbic::data
