#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <functional>

#include "limbic/data/leaks.h"
#include "limbic/data/store.h"
#include "support/paths.h"
#include "synthetic_store.h"

namespace limbic::data {
namespace {

using ::testing::HasSubstr;

/// 12 people of two corpora, each with a dialogue of 4 turns in a recording and a session of their own.
std::vector<Sample> clean_corpus() {
  std::vector<Sample> samples;
  for (int person = 0; person < 12; ++person) {
    for (int turn = 0; turn < 4; ++turn) {
      Sample sample;
      sample.id = fmt::format("p{:02}_{}", person, turn);
      sample.corpus = person < 6 ? "first" : "second";
      sample.subject = fmt::format("p{:02}", person);
      sample.session = "morning";  // a name that all share: no session of theirs together
      sample.dialogue = fmt::format("talk{:02}", person);
      sample.clip = fmt::format("clip{:02}", person);
      sample.turn = turn;
      sample.t0 = core::Timestamp::from_seconds(10.0 * turn);
      sample.duration = core::Timestamp::from_seconds(8);
      sample.labels["emotion"] = turn % 2 == 0 ? "happy" : "sad";
      sample.attributes["person"] = fmt::format("human{:02}", person);
      sample.attributes["original"] = sample.id;
      sample.source_path = fmt::format("wav/p{:02}_{}.wav", person, turn);
      sample.source_sha256 = std::string(62, 'a') + fmt::format("{:02x}", person * 4 + turn);
      StreamRef wave;
      wave.shard = "00000.safetensors";
      wave.tensor = sample.id + "/audio_wave";
      wave.rate_hz = 16000;
      wave.num_frames = 128000;
      wave.crc32 = static_cast<uint32_t>(1000 + person * 4 + turn);
      sample.streams["audio_wave"] = wave;
      samples.push_back(sample);
    }
  }
  return samples;
}

/// People 0 to 7 train, 8 and 9 validate, 10 and 11 test.
Split clean_split() {
  Split split;
  for (int64_t i = 0; i < 48; ++i) (i < 32 ? split.train : i < 40 ? split.val : split.test).push_back(i);
  return split;
}

struct LeakCase {
  const char* name;
  LeakKind kind;
  std::function<void(std::vector<Sample>&, Split&, LeakOptions&)> plant;
  const char* expected;  ///< text of the leak
};

/// Row 5 (p01_1) trains, row 45 (p11_1) tests.
const std::vector<LeakCase>& leak_cases() {
  static const std::vector<LeakCase> cases = {
      {"ARowInTwoParts", LeakKind::kSample, [](auto&, auto& split, auto&) { split.test.push_back(5); },
       "sample p01_1 is in train (p01_1) and test (p01_1)"},
      {"ASubject", LeakKind::kSubject,
       [](auto& samples, auto&, auto&) {
         samples[45].corpus = "first";
         samples[45].subject = "p01";
         samples[45].attributes.erase("person");
         samples[45].session = "evening";
       },
       "subject first/p01 is in train (p01_0) and test (p11_1)"},
      {"APersonByAttribute", LeakKind::kPerson,
       [](auto& samples, auto&, auto&) { samples[45].attributes["person"] = "human01"; },
       "person human01 is in train (p01_0) and test (p11_1)"},
      {"APersonByTwoCorporasNames", LeakKind::kPerson,
       [](auto& samples, auto&, auto& options) {
         for (auto& sample : samples) sample.attributes.erase("person");
         options.policy.same_person = {{"first/p01", "ada"}, {"second/p11", "ada"}};
       },
       "person ada is in train (p01_0) and test (p11_0)"},
      {"ASessionOfTwoPeople", LeakKind::kSession,
       [](auto& samples, auto&, auto&) {
         // Two people of one corpus in one session and dialogue, whose dialogue lies whole in one part.
         for (const size_t i : {32u, 33u, 34u, 35u}) samples[i].session = "Ses01";  // p08, val
         for (const size_t i : {40u, 41u, 42u, 43u}) samples[i].session = "Ses01";  // p10, test
         samples[40].subject = "p11";
         samples[40].attributes["person"] = "human11";
       },
       "session second/Ses01 is in val (p08_0) and test (p10_0)"},
      {"ADialogue", LeakKind::kDialogue,
       [](auto& samples, auto&, auto&) {
         samples[45].corpus = "first";
         samples[45].dialogue = "talk01";
         samples[45].turn = 9;
         samples[45].session = "evening";
       },
       "dialogue first/talk01 is in train (p01_0) and test (p11_1)"},
      {"TurnsThatFollowEachOther", LeakKind::kTurn,
       [](auto& samples, auto&, auto&) {
         samples[45].corpus = "first";
         samples[45].dialogue = "talk01";
         samples[45].turn = 4;
       },
       "dialogue first/talk01: turns 3 and 4 follow each other; one is in train (p01_3) and test (p11_1)"},
      {"ARecording", LeakKind::kRecording,
       [](auto& samples, auto&, auto&) {
         samples[45].corpus = "first";
         samples[45].clip = "clip01";
         samples[45].t0 = core::Timestamp::from_seconds(500);
       },
       "recording first/clip01 is in train (p01_0) and test (p11_1)"},
      {"WindowsThatOverlap", LeakKind::kOverlap,
       [](auto& samples, auto&, auto&) {
         samples[45].corpus = "first";
         samples[45].clip = "clip01";
         samples[45].t0 = core::Timestamp::from_seconds(37.5);
       },
       "recording first/clip01: 30.000 to 38.000 s and 37.500 to 45.500 s overlap; one is in train (p01_3) "
       "and test "
       "(p11_1)"},
      {"WindowsWithinTheContext", LeakKind::kContext,
       [](auto& samples, auto&, auto& options) {
         samples[45].corpus = "first";
         samples[45].clip = "clip01";
         samples[45].t0 = core::Timestamp::from_seconds(39);
         options.policy.context_s = 1.5;
       },
       "recording first/clip01: 30.000 to 38.000 s and 39.000 to 47.000 s are 1.000 s apart, context 1.5 s; "
       "one is in "
       "train (p01_3) and test (p11_1)"},
      {"ASourceFile", LeakKind::kSource,
       [](auto& samples, auto&, auto&) { samples[45].source_sha256 = samples[5].source_sha256; },
       "file wav/p01_1.wav (aaaaaaaaaaaa) is in train (p01_1) and test (p11_1)"},
      {"TheSameContent", LeakKind::kContent,
       [](auto& samples, auto&, auto&) { samples[45].streams["audio_wave"].crc32 = 1005; },
       "the content of p01_1 (audio_wave) is in train (p01_1) and test (p11_1)"},
      {"AnAugmentedCopy", LeakKind::kAugmented,
       [](auto& samples, auto&, auto&) { samples[45].attributes["original"] = "p01_1"; },
       "the original p01_1 is in train (p01_1) and test (p11_1)"},
      {"TrainingOnTheOfficialTestSplit", LeakKind::kOfficial,
       [](auto& samples, auto&, auto&) {
         for (auto& sample : samples) sample.split = "train";
         samples[5].split = "test_clean";
       },
       "official split first/test_clean is in train (p01_1) and the corpus's own test part"},
      {"SelectingOnTheOfficialTestSplit", LeakKind::kOfficial,
       [](auto& samples, auto&, auto&) { samples[33].split = samples[45].split = "test"; },
       "official split second/test is in val (p08_1) and the corpus's own test part"},
  };
  return cases;
}

GroupsProtocol groups_of(const Split& split, const std::vector<Sample>& samples) {
  GroupsProtocol protocol;
  protocol.by = GroupBy::kSample;
  for (const int64_t i : split.train) protocol.train.push_back(samples[static_cast<size_t>(i)].id);
  for (const int64_t i : split.val) protocol.val.push_back(samples[static_cast<size_t>(i)].id);
  for (const int64_t i : split.test) protocol.test.push_back(samples[static_cast<size_t>(i)].id);
  return protocol;
}

TEST(FindLeaks, FindsNothingInACleanCorpus) {
  LeakOptions options;
  options.policy.context_s = 100;
  options.policy.same_person = {{"first/p01", "human01"}};
  const auto report = find_leaks(clean_corpus(), clean_split(), options);
  EXPECT_TRUE(report.empty()) << (report.leaks.empty() ? "" : text_of(report.leaks[0]));
}

TEST(FindLeaks, FindsEveryWayToLeakAndNamesIt) {
  std::set<LeakKind> tried;
  for (const auto& leak : leak_cases()) {
    auto samples = clean_corpus();
    auto split = clean_split();
    LeakOptions options;
    leak.plant(samples, split, options);
    const auto report = find_leaks(samples, split, options);
    ASSERT_EQ(report.counts.count(leak.kind), 1u) << leak.name;
    EXPECT_EQ(report.counts.at(leak.kind), 1) << leak.name;
    std::vector<std::string> texts;
    for (const auto& found : report.leaks) {
      if (found.kind == leak.kind) texts.push_back(text_of(found));
    }
    EXPECT_THAT(texts, ::testing::ElementsAre(leak.expected)) << leak.name;
    tried.insert(leak.kind);
  }
  EXPECT_EQ(tried.size(), enum_names(LeakKind{}).size()) << "a kind of leak without a test";
}

TEST(MakeSplit, RefusesEveryWayToLeakAndLetsItThroughByNameOnly) {
  for (const auto& leak : leak_cases()) {
    if (leak.kind == LeakKind::kSample)
      continue;  // a protocol puts no row into two parts; ids are the store's to check
    auto samples = clean_corpus();
    auto split = clean_split();
    LeakOptions options;
    leak.plant(samples, split, options);
    auto protocol = groups_of(split, samples);
    protocol.leaks.context_s = options.policy.context_s;
    protocol.leaks.same_person = options.policy.same_person;
    const auto error = test::error_of([&] { make_split(samples, protocol); }, ErrorCode::kData);
    EXPECT_THAT(error, HasSubstr(fmt::format("[{}] {}", leak_name(leak.kind), leak.expected))) << leak.name;

    const auto report = find_leaks(samples, split, options);
    for (const auto& [kind, count] : report.counts) {
      if (kind != leak.kind) protocol.leaks.allow_leaks.push_back(kind);
    }
    const auto rest = test::error_of([&] { make_split(samples, protocol); }, ErrorCode::kData);
    EXPECT_THAT(rest, HasSubstr(fmt::format("1 leak(s) ({} 1)", leak_name(leak.kind)))) << leak.name;
    EXPECT_THAT(rest, HasSubstr(fmt::format("split.allow_leaks: [{}]", leak_name(leak.kind)))) << leak.name;

    protocol.leaks.allow_leaks.push_back(leak.kind);
    const auto allowed = make_split(samples, protocol);
    EXPECT_EQ(allowed.leaks.counts, report.counts) << leak.name;
    EXPECT_THAT(allowed.description,
                HasSubstr(fmt::format("LEAKS 1 {}(s), allowed by the recipe", leak_name(leak.kind))));
  }
  const auto samples = clean_corpus();
  const auto clean = make_split(samples, groups_of(clean_split(), samples));
  EXPECT_TRUE(clean.leaks.empty());
  EXPECT_EQ(clean.train, clean_split().train);
}

TEST(MakeSplit, ListsTwentyLeaksAndCountsTheRest) {
  std::vector<Sample> samples;
  for (int i = 0; i < 100; ++i) {
    Sample sample;
    sample.id = fmt::format("s{:03}", i);
    sample.subject = fmt::format("who{:02}", i % 50);
    samples.push_back(sample);
  }
  FractionProtocol protocol{0.0, 0.5, GroupBy::kSample};
  const auto error = test::error_of([&] { make_split(samples, protocol); }, ErrorCode::kData);
  size_t num_listed = 0;
  for (size_t at = error.find("[subject] subject"); at != std::string::npos;
       at = error.find("[subject] subject", at + 1))
    ++num_listed;
  EXPECT_EQ(num_listed, 20u);
  EXPECT_THAT(error, HasSubstr("and "));
  EXPECT_THAT(error, HasSubstr(" more; group by what is shared"));
}

TEST(MakeSplit, EveryProtocolIsLookedThrough) {
  auto samples = clean_corpus();
  for (size_t i = 0; i < samples.size(); ++i) {
    samples[i].split = i < 32 ? "train" : "test";
    samples[i].source_sha256 = std::string(64, 'b');
  }
  const CarvedValidation by_person;
  OfficialProtocol official;
  GroupKFoldProtocol folds{3};
  LeaveOneOutProtocol one;
  FractionProtocol fraction;
  const auto groups = groups_of(clean_split(), samples);
  for (const ProtocolConfig& protocol : std::vector<ProtocolConfig>{groups, official, folds, one, fraction}) {
    EXPECT_THAT(test::error_of([&] { make_split(samples, protocol); }, ErrorCode::kData),
                HasSubstr("[source] file"));
  }
  TimeBlocksProtocol blocks{3};
  const auto split = make_split(samples, blocks);
  EXPECT_FALSE(split.test.empty());
  for (auto& sample : samples) sample.attributes["original"] = "one";
  EXPECT_THAT(test::error_of([&] { make_split(samples, blocks); }, ErrorCode::kData),
              HasSubstr("[augmented]"));
}

TEST(MakeSplit, ATableOfEverybodyIsNoSourceFileInCommon) {
  auto samples = clean_corpus();
  for (auto& sample : samples) {
    sample.source_path = "features/all.CSV";
    sample.source_sha256 = std::string(64, 'c');
  }
  EXPECT_TRUE(make_split(samples, groups_of(clean_split(), samples)).leaks.empty());
}

TEST(MakeSplit, SessionsThatAreMerelyNamedAlikeCountWhereTheProtocolGroupsByThem) {
  auto samples = clean_corpus();
  GroupKFoldProtocol folds{3};
  folds.by = GroupBy::kSession;
  for (size_t i = 0; i < samples.size(); ++i) samples[i].session = fmt::format("day{}", i / 4 % 3);
  samples[4].session = "day0";
  EXPECT_TRUE(find_leaks(samples, clean_split()).empty());
  EXPECT_EQ(find_leaks(samples, clean_split(), leak_options(folds)).counts.count(LeakKind::kSession), 1u);
}

TEST(MakeSplit, DropLeaksLeavesOutWhatTrains) {
  auto samples = clean_corpus();
  samples[45].source_sha256 = samples[5].source_sha256;
  samples[46].attributes["original"] = "p08_1";  // row 33, val
  auto protocol = groups_of(clean_split(), samples);
  protocol.leaks.drop_leaks = {LeakKind::kSource, LeakKind::kAugmented};
  const auto split = make_split(samples, protocol);
  EXPECT_EQ(split.train.size(), 31u);
  EXPECT_EQ(split.val.size(), 7u);
  EXPECT_EQ(split.test, clean_split().test);
  EXPECT_EQ(std::count(split.train.begin(), split.train.end(), 5), 0);
  EXPECT_EQ(split.num_dropped.at(LeakKind::kSource), 1);
  EXPECT_THAT(split.description, HasSubstr("1 dropped that leak (source)"));
  protocol.leaks.drop_leaks = {LeakKind::kTurn};
  EXPECT_THAT(test::error_of([&] { make_split(samples, protocol); }, ErrorCode::kConfig),
              HasSubstr("'turn' cannot be cured"));
}

TEST(MakeSplit, EqualChecksumsOfAStoreAreComparedByteByByte) {
  test::TempDir dir;
  {
    StoreWriter writer(dir / "store", testing::synthetic_info());
    for (int64_t i = 0; i < 6; ++i) {
      auto sample = testing::synthetic_sample(i);
      sample.subject = fmt::format("s{}", i);
      RawStream eda;
      eda.rate_hz = 4;
      // 0 and 3 are copies; 1 and 4 are blanks, which are all alike.
      eda.values = i % 3 == 1 ? at::zeros({4, 1})
                              : at::arange(4, at::kFloat).reshape({4, 1}).add(double(i % 3 == 0 ? 0 : i));
      writer.add(sample, {{"eda", eda}});
    }
    writer.finish();
  }
  const auto store = Store::open(dir / "store");
  const GroupsProtocol protocol{GroupBy::kSubject, {"s0", "s1", "s2"}, {}, {"s3", "s4", "s5"}};
  const auto error = test::error_of([&] { make_split(*store, protocol); }, ErrorCode::kData);
  EXPECT_THAT(
      error,
      HasSubstr(
          "1 leak(s) (content 1): [content] the content of s000 (eda) is in train (s000) and test (s003)"));
  EXPECT_THAT(test::error_of([&] { make_split(store->samples(), protocol); }, ErrorCode::kData),
              HasSubstr("(content 2)"));
}

}  // namespace
}  // namespace limbic::data
