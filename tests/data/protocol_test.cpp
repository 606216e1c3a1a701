#include "limbic/data/protocol.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "limbic/config/config.h"
#include "limbic/core/hash.h"
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
  EXPECT_THAT(error, HasSubstr("[recording] recording duet is in train (a1_0) and test (a20_9)"));
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

TEST(GroupKFoldProtocol, InnerFoldsValidateEveryGroupThatTheOuterFoldDoesNotTestOnce) {
  const auto samples = actors();
  GroupKFoldProtocol config{5, 1};
  config.val = InnerKFoldValidation{4, 0};
  ASSERT_EQ(num_folds(samples, config).outer, 5);
  ASSERT_EQ(num_folds(samples, config).inner, 4);
  std::map<std::string, int> times_validated;
  std::set<std::string> tested;
  for (int64_t inner = 0; inner < 4; ++inner) {
    const auto split = make_split(samples, at_fold(config, 1, inner));
    expect_disjoint(split, 200);
    for (const auto& name : subjects_of(samples, split.val)) ++times_validated[name];
    if (inner == 0) tested = subjects_of(samples, split.test);
    EXPECT_EQ(subjects_of(samples, split.test), tested) << "the outer fold moves with the inner one";
  }
  EXPECT_EQ(times_validated.size(), 16u);
  for (const auto& [name, times] : times_validated) {
    EXPECT_EQ(times, 1) << name;
    EXPECT_EQ(tested.count(name), 0u) << name;
  }
}

TEST(LeaveOneOutProtocol, LeavesEveryGroupOutOnceByNumberOrByName) {
  const auto samples = actors();
  LeaveOneOutProtocol config;
  ASSERT_EQ(num_folds(samples, config).outer, 20);
  for (int64_t fold = 0; fold < 20; ++fold) {
    const auto split = make_split(samples, at_fold(config, fold));
    expect_disjoint(split, 200);
    const std::string left = fmt::format("actor_{:02}", fold + 1);
    EXPECT_EQ(subjects_of(samples, split.test), std::set<std::string>{left});
    config.leave = left;
    EXPECT_EQ(make_split(samples, config).hash, split.hash);
    config.leave.clear();
  }
  config.leave = "actor_21";
  EXPECT_THAT(test::error_of([&] { make_split(samples, config); }, ErrorCode::kData),
              HasSubstr("0 subjects are named 'actor_21'; expected one of actor_01"));
  config.leave.clear();
  config.fold = 20;
  EXPECT_THAT(test::error_of([&] { make_split(samples, config); }, ErrorCode::kData),
              HasSubstr("fold 20 of 20 subjects; expected 0 to 19"));
}

TEST(LeaveOneOutProtocol, SessionsDialoguesAndCorporaAreLeftOutWhole) {
  auto samples = actors();
  for (size_t i = 0; i < samples.size(); ++i) {
    const size_t actor = i / 10;
    samples[i].corpus = actor < 10 ? "first" : "second";
    samples[i].session = "s" + std::to_string(actor / 4);
    samples[i].dialogue = "d" + std::to_string(actor / 2);
  }
  const auto num_tested = [&](GroupBy by, const std::string& name) {
    LeaveOneOutProtocol config;
    config.by = by;
    config.leave = name;
    // Dialogues of one session come into two parts, by design here.
    if (by != GroupBy::kSession) config.leaks.allow_leaks = {LeakKind::kSession};
    std::get<CarvedValidation>(config.val).by = by == GroupBy::kCorpus ? GroupBy::kDialogue : by;
    return make_split(samples, config).test.size();
  };
  EXPECT_EQ(num_tested(GroupBy::kSession, "s1"), 40u);
  EXPECT_EQ(num_tested(GroupBy::kDialogue, "d3"), 20u);
  EXPECT_EQ(num_tested(GroupBy::kCorpus, "second"), 100u);
}

TEST(GroupsProtocol, TheSameNameInTwoCorporaIsTwoPeople) {
  auto samples = actors();
  for (auto& sample : samples) sample.corpus = "first";
  auto more = actors();
  for (auto& sample : more) {
    sample.corpus = "second";
    sample.id = "second_" + sample.id;
    sample.clip = sample.id;
  }
  samples.insert(samples.end(), more.begin(), more.end());
  const auto split = make_split(
      samples, GroupsProtocol{GroupBy::kSubject, {"first/1-20"}, {"second/1-2"}, {"second/actor_07"}});
  EXPECT_EQ(split.train.size(), 200u);
  EXPECT_EQ(split.val.size(), 20u);
  EXPECT_EQ(split.test.size(), 10u);
  EXPECT_EQ(make_split(samples, GroupsProtocol{GroupBy::kSubject, {"1-18"}, {}, {"19-20"}}).train.size(),
            360u);
}

/// Two recordings of 60 windows of 4 s that begin every second, in an order that is not that of time.
std::vector<Sample> windows() {
  std::vector<Sample> samples;
  for (int clip = 0; clip < 2; ++clip) {
    for (int i = 0; i < 60; ++i) {
      Sample sample;
      sample.id = fmt::format("c{}_{:02}", clip, i * 7 % 60);
      sample.subject = "walker";
      sample.clip = "clip" + std::to_string(clip);
      sample.t0 = core::Timestamp::from_seconds(i * 7 % 60);
      sample.duration = core::Timestamp::from_seconds(4);
      samples.push_back(sample);
    }
  }
  return samples;
}

double least_gap_s(const std::vector<Sample>& samples, const std::vector<int64_t>& a,
                   const std::vector<int64_t>& b) {
  double least = 1e9;
  for (const int64_t i : a) {
    for (const int64_t j : b) {
      const auto& x = samples[static_cast<size_t>(i)];
      const auto& y = samples[static_cast<size_t>(j)];
      if (x.clip != y.clip) continue;
      least = std::min(least, std::max(x.t0.seconds(), y.t0.seconds()) -
                                  std::min((x.t0 + x.duration).seconds(), (y.t0 + y.duration).seconds()));
    }
  }
  return least;
}

TEST(TimeBlocksProtocol, BlocksAreContiguousAndNoWindowTouchesAnotherPart) {
  const auto samples = windows();
  for (const double gap_s : {0.0, 2.0}) {
    std::set<int64_t> tested;
    for (int64_t fold = 0; fold < 5; ++fold) {
      TimeBlocksProtocol config{5, fold};
      config.gap_s = gap_s;
      const auto split = make_split(samples, config);
      EXPECT_EQ(split.test.size(), 24u);  // 12 windows of each recording, never purged
      for (const int64_t i : split.test) EXPECT_TRUE(tested.insert(i).second);
      std::set<int64_t> seconds;
      for (const int64_t i : split.test)
        seconds.insert(samples[static_cast<size_t>(i)].t0.ticks / 1'000'000'000);
      EXPECT_EQ(*seconds.rbegin() - *seconds.begin(), 11);
      EXPECT_GE(least_gap_s(samples, split.train, split.test), gap_s);
      EXPECT_GE(least_gap_s(samples, split.train, split.val), gap_s);
      EXPECT_GE(least_gap_s(samples, split.val, split.test), gap_s);
      EXPECT_FALSE(split.train.empty());
      EXPECT_FALSE(split.val.empty());
      // A window more would touch: the purge takes no more than it must.
      if (gap_s == 0 && fold == 2) {
        EXPECT_EQ(least_gap_s(samples, split.train, split.test), 0.0);
        EXPECT_EQ(split.train.size(),
                  60u);  // of 36 a recording: 3 before the tested block, 3 after the validating one
      }
    }
    EXPECT_EQ(tested.size(), samples.size());
  }
}

TEST(TimeBlocksProtocol, WantsRecordingsWithTimes) {
  auto samples = windows();
  samples[3].clip.clear();
  EXPECT_THAT(test::error_of([&] { make_split(samples, TimeBlocksProtocol{}); }, ErrorCode::kData),
              HasSubstr("has no clip"));
  samples = windows();
  for (auto& sample : samples) sample.t0.ticks = 0;
  EXPECT_THAT(test::error_of([&] { make_split(samples, TimeBlocksProtocol{}); }, ErrorCode::kData),
              HasSubstr("all begin at 0.000 s"));
}

TEST(Protocol, EveryPartHasAHashOfItsIds) {
  const auto split = make_split(actors(), GroupsProtocol{GroupBy::kSubject, {"1"}, {"2"}, {"3-4"}});
  std::string ids;
  for (int i = 0; i < 10; ++i) ids += fmt::format("a1_{}\n", i);
  EXPECT_EQ(split.part_hashes.at("train"), core::sha256_hex(ids));
  EXPECT_NE(split.part_hashes.at("train"), split.part_hashes.at("val"));
}

TEST(Protocol, FoldsComeFromYaml) {
  const auto folds = config::load_text<GroupKFoldProtocol>(
      "{k: 4, by: dialogue, val: {type: inner_kfold, k: 3}, allow_leaks: [subject, turn], context_s: 2.5}",
      "r.yaml");
  EXPECT_EQ(std::get<InnerKFoldValidation>(folds.val).k, 3);
  EXPECT_EQ(folds.leaks.allow_leaks, (std::vector<LeakKind>{LeakKind::kSubject, LeakKind::kTurn}));
  EXPECT_EQ(folds.leaks.context_s, 2.5);
  EXPECT_THAT(
      test::error_of([&] { config::load_text<GroupKFoldProtocol>("{allow_leaks: [subjcet]}", "r.yaml"); },
                     ErrorCode::kConfig),
      HasSubstr("subject"));
  EXPECT_THAT(
      test::error_of([&] { config::load_text<GroupKFoldProtocol>("{k: 2}", "r.yaml"); }, ErrorCode::kConfig),
      HasSubstr("must be at least 3, got 2"));
  EXPECT_EQ(config::load_text<GroupKFoldProtocol>("{k: 2, val: {type: none}}", "r.yaml").k, 2);
  EXPECT_THAT(test::error_of([&] { config::load_text<TimeBlocksProtocol>("{per: sample}", "r.yaml"); },
                             ErrorCode::kConfig),
              HasSubstr("must be clip, session or subject"));
}

TEST(FractionProtocol, KeepsSubjectsWholeAndPicturesOfUnknownPeopleSingle) {
  const auto samples = actors();
  const auto split = make_split(samples, FractionProtocol{0.2, 0.2});
  expect_disjoint(split, 200);
  EXPECT_EQ(split.test.size(), 40u);
  EXPECT_EQ(split.val.size(), 40u);
  EXPECT_EQ(subjects_of(samples, split.train).size(), 12u);
  FractionProtocol drawn{0.15, 0.1};
  drawn.leaks.allow_leaks = {LeakKind::kOfficial};
  const auto single = make_split(pictures(), drawn);
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

/// Hashes that the first release of the protocols gave: published splits must not move.
TEST(Protocol, PublishedSplitsStayWhatTheyWere) {
  OfficialProtocol official;
  official.test = {"public_test"};
  std::get<CarvedValidation>(official.val).by = GroupBy::kSample;
  EXPECT_EQ(make_split(pictures(), official).hash,
            "1017a33087991f9c77f78cc9b2cd5987ec4572c7af02d636e5484520fefb2d57");
  EXPECT_EQ(make_split(actors(), GroupKFoldProtocol{5, 2, GroupBy::kSubject}).hash,
            "f92ba418180392ebd7c775b3a7ef1ebdffe1c936a095b8c2fbb74b5bda9e588e");
  EXPECT_EQ(make_split(actors(), FractionProtocol{0.2, 0.2}).hash,
            "108ff9836ebb39bb5ab1e2e6c5279393096d83dcf23bcad64c003f448aa6a775");
  FractionProtocol drawn{0.15, 0.1, GroupBy::kSample, "", 7};
  drawn.leaks.allow_leaks = {LeakKind::kOfficial};
  EXPECT_EQ(make_split(pictures(), drawn).hash,
            "10699802b65ada047e861a6ae9aaa080eb882cc69fd2239c3c9f96d6fbc0228b");
  EXPECT_EQ(make_split(actors(), GroupsProtocol{GroupBy::kSubject, {"1-16"}, {"17-18"}, {"19-20"}}).hash,
            "41d98ba6c94687ec3bd9144fdf43fcb0af2d78a0cde89dc92811480ee84d853a");
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
