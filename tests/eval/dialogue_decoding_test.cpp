#include "limbic/eval/dialogue_decoding.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <random>

#include "limbic/data/importer.h"
#include "support/dialogue_store.h"
#include "support/paths.h"

namespace limbic::eval {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// What a path costs, straight from the definition.
double cost_of_path(const Conversation& conversation, const std::vector<int64_t>& classes, double p,
                    double alpha) {
  double cost = 0.0;
  std::map<int64_t, int64_t> last_of_speaker;
  std::map<int64_t, double> shifts_into;
  double num_shifts = 0.0;
  for (size_t t = 0; t < classes.size(); ++t) {
    const size_t turn = t % conversation.logits_TC.size();
    const int64_t c = classes[t];
    const int64_t speaker = conversation.speakers_T[turn];
    cost -= conversation.logits_TC[turn][static_cast<size_t>(c)];
    const bool is_known = last_of_speaker.count(speaker) != 0 && shifts_into[c] > 0;
    if (is_known && last_of_speaker[speaker] == c) {
      cost -= std::log(1 - p);
    } else {
      cost -= std::log(p * (is_known ? shifts_into[c] : alpha) / (num_shifts + alpha));
      shifts_into[c] += 1;
      num_shifts += 1;
    }
    last_of_speaker[speaker] = c;
  }
  return cost;
}

Conversation random_conversation(size_t num_turns, size_t num_classes, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> logit(0.0, 1.0);
  Conversation conversation;
  for (size_t t = 0; t < num_turns; ++t) {
    auto& logits_C = conversation.logits_TC.emplace_back();
    for (size_t c = 0; c < num_classes; ++c) logits_C.push_back(logit(random));
    conversation.speakers_T.push_back(random() % 2 == 0 ? 7 : -3);
  }
  return conversation;
}

/// The last copy of the cheapest of all paths.
std::vector<int64_t> cheapest_path(const Conversation& conversation, int64_t num_classes, double p,
                                   const DecodingConfig& config) {
  const size_t num_turns = conversation.logits_TC.size();
  const size_t length = num_turns * static_cast<size_t>(config.copies);
  std::vector<int64_t> path(length, 0);
  std::vector<int64_t> best;
  double least = std::numeric_limits<double>::infinity();
  for (bool is_done = false; !is_done;) {
    const double cost = cost_of_path(conversation, path, p, config.alpha);
    if (cost < least) {
      least = cost;
      best = path;
    }
    size_t t = 0;
    while (t < length && ++path[t] == num_classes) path[t++] = 0;
    is_done = t == length;
  }
  return {best.end() - static_cast<int64_t>(num_turns), best.end()};
}

TEST(DialogueDecoding, ABeamOfAllPathsFindsTheCheapest) {
  for (uint32_t seed = 0; seed < 12; ++seed) {
    const auto conversation = random_conversation(seed % 2 == 0 ? 6 : 3, 3, seed);
    const DecodingConfig config{729, seed % 2 == 0 ? 1 : 2, 0.5 + 0.25 * seed};
    EXPECT_EQ(decode_conversation(conversation, 0.3, config), cheapest_path(conversation, 3, 0.3, config))
        << seed;
  }
}

TEST(DialogueDecoding, ABeamOfOneTakesTheCheapestStepEveryTime) {
  for (uint32_t seed = 0; seed < 8; ++seed) {
    const auto conversation = random_conversation(10, 4, seed);
    std::vector<int64_t> greedy;
    for (size_t t = 0; t < 10; ++t) {
      greedy.push_back(0);
      auto best = greedy;
      for (; greedy.back() < 4; ++greedy.back()) {
        if (cost_of_path(conversation, greedy, 0.4, 1.0) < cost_of_path(conversation, best, 0.4, 1.0))
          best = greedy;
      }
      greedy = best;
    }
    EXPECT_EQ(decode_conversation(conversation, 0.4, {1, 1, 1.0}), greedy) << seed;
  }
}

TEST(DialogueDecoding, AWeakTurnFollowsItsOwnSpeaker) {
  Conversation conversation;
  for (int64_t t = 0; t < 9; ++t) {
    conversation.speakers_T.push_back(t % 2);
    conversation.logits_TC.push_back(t % 2 == 0 ? std::vector<double>{2.0, 0.0}
                                                : std::vector<double>{0.0, 2.0});
  }
  conversation.logits_TC[4] = {0.0, 0.2};
  conversation.logits_TC[5] = {0.2, 0.0};
  EXPECT_THAT(decode_conversation(conversation, 0.2), ElementsAre(0, 1, 0, 1, 0, 1, 0, 1, 0));
  conversation.logits_TC[4] = {0.0, 9.0};
  EXPECT_EQ(decode_conversation(conversation, 0.2)[4], 1);
  EXPECT_TRUE(decode_conversation({}, 0.2).empty());
}

TEST(DialogueDecoding, RefusesWhatItCannotScore) {
  const auto one = random_conversation(2, 3, 0);
  const auto refused = [&](const Conversation& conversation, double p, const DecodingConfig& config,
                           ErrorCode code = ErrorCode::kConfig) {
    return test::error_of([&] { decode_conversation(conversation, p, config); }, code);
  };
  EXPECT_THAT(refused(one, 1.0, {}), HasSubstr("probability of a shift must be in (0, 1), got 1"));
  EXPECT_THAT(refused(one, 0.5, {0, 1, 1.0}), HasSubstr("beam must be at least 1, got 0"));
  EXPECT_THAT(refused(one, 0.5, {1, 0, 1.0}), HasSubstr("copies must be at least 1, got 0"));
  EXPECT_THAT(refused(one, 0.5, {1, 1, 0.0}), HasSubstr("alpha must be positive, got 0"));
  auto bad = one;
  bad.logits_TC[1].pop_back();
  EXPECT_THAT(refused(bad, 0.5, {}, ErrorCode::kData), HasSubstr("a logit for each class"));
  bad = one;
  bad.logits_TC[1][2] = NAN;
  EXPECT_THAT(refused(bad, 0.5, {}, ErrorCode::kData), HasSubstr("a logit is nan"));
}

TEST(ShiftCount, ComparesATurnWithTheSpeakersLast) {
  ShiftCount count;
  count.add({0, 1, 0, 2, 0, 2, 1}, {8, 9, 8, 9, 8, 9, 9});
  EXPECT_EQ(count.pairs, 5);
  EXPECT_EQ(count.shifts, 2);
  EXPECT_DOUBLE_EQ(count.probability(), 3.0 / 5);
  ShiftCount always;
  always.add({0, 1}, {0, 0});
  EXPECT_DOUBLE_EQ(always.probability(), 0.5);
  EXPECT_THAT(test::error_of([] { ShiftCount().probability(); }, ErrorCode::kData), HasSubstr("--shift"));
}

TEST(DecodeDialogues, ShiftsAreCountedWhereNothingIsDecoded) {
  const test::TempDir dir;
  const auto store = test::write_dialogues(dir / "store");
  const auto scores = scores_of_stream(*store, "logits", test::mood_labels());
  ASSERT_EQ(scores.size(), 24u);

  // Everything is decoded: a session's probability is that of the other one. Of the five labelled turns of a
  // dialogue, two speakers' turns 0, 2, 4 and 1, 3 make three pairs, two of them shifts.
  const auto all = decode_dialogues(*store, test::mood_labels(), scores);
  ASSERT_EQ(all.shift_probability.size(), 2u);
  EXPECT_EQ(all.shift_probability[0].first, "s0");
  EXPECT_DOUBLE_EQ(all.shift_probability[0].second, 5.0 / 6);
  EXPECT_EQ(all.num_dialogues, 4);
  EXPECT_EQ(all.num_turns, 24);
  EXPECT_EQ(all.before.size(), 20u);
  EXPECT_EQ(all.after.size(), 20u);

  // With the attribute, whose last turn is a class of its own: four pairs and three shifts.
  DecodeOptions options;
  options.label_attribute = "raw";
  const auto raw = decode_dialogues(*store, test::mood_labels(), scores, options);
  EXPECT_DOUBLE_EQ(raw.shift_probability[1].second, 7.0 / 8);

  // One dialogue is decoded: the other three are counted, of its own session, too.
  std::vector<ScoredSample> first;
  for (const auto& score : scores) {
    if (store->samples().dialogue(score.sample_idx) == "d0") first.push_back(score);
  }
  const auto part = decode_dialogues(*store, test::mood_labels(), first);
  ASSERT_EQ(part.shift_probability.size(), 1u);
  EXPECT_DOUBLE_EQ(part.shift_probability[0].second, 7.0 / 9);
  EXPECT_EQ(part.num_dialogues, 1);

  options.shift_probability = 0.25;
  EXPECT_EQ(decode_dialogues(*store, test::mood_labels(), first, options).shift_probability[0].second, 0.25);
}

TEST(DecodeDialogues, TurnsAreTakenInOrderAndSpeakersKeptApart) {
  const test::TempDir dir;
  const auto store = test::write_dialogues(dir / "store");
  DecodeOptions options;
  options.shift_probability = 0.3;
  const auto decoded = decode_dialogues(*store, test::mood_labels(),
                                        scores_of_stream(*store, "logits", test::mood_labels()), options);
  Conversation conversation;
  for (int64_t turn = 0; turn < 6; ++turn) {
    conversation.logits_TC.push_back({static_cast<double>(turn), 2.5});
    conversation.speakers_T.push_back(turn % 2);
  }
  const auto expected = decode_conversation(conversation, 0.3);
  int64_t num_changed = 0;
  for (size_t i = 0; i < decoded.after.size(); ++i) {
    EXPECT_EQ(decoded.after[i].id, fmt::format("d{}_{}", i / 5, i % 5));
    EXPECT_EQ(decoded.after[i].prediction, expected[i % 5]) << i;
    EXPECT_EQ(decoded.before[i].prediction, i % 5 > 2 ? 0 : 1) << i;
    EXPECT_TRUE(decoded.after[i].probabilities.empty());
    num_changed += decoded.after[i].prediction != decoded.before[i].prediction ? 1 : 0;
  }
  EXPECT_EQ(decoded.num_changed, num_changed);
}

TEST(DecodeDialogues, ProbabilitiesCountAsTheirLogarithms) {
  const test::TempDir dir;
  const auto store = test::write_dialogues(dir / "store");
  const auto scores = scores_of_predictions(
      *store,
      {make_prediction("d1_4", "ann", 0, {0.25, 0.75}), make_prediction("d1_3", "bob", 0, {NAN, NAN}),
       make_prediction("d1_2", "bob", 0, {0.0, 1.0})},
      test::mood_labels());
  ASSERT_EQ(scores.size(), 3u);
  EXPECT_EQ(store->samples().id(scores[0].sample_idx), "d1_4");
  EXPECT_THAT(scores[0].logits_C, ElementsAre(std::log(0.25), std::log(0.75)));
  EXPECT_THAT(scores[1].logits_C, ElementsAre(0.0, 0.0));
  EXPECT_TRUE(std::isfinite(scores[2].logits_C[0]));
  EXPECT_THAT(test::error_of(
                  [&] {
                    scores_of_predictions(*store, {{"d1_4", "ann", 0, 1, {}}}, test::mood_labels());
                  },
                  ErrorCode::kData),
              HasSubstr("'d1_4' has no probabilities"));
  EXPECT_THAT(test::error_of(
                  [&] {
                    scores_of_stream(*store, "logits", {"emotion", {"a", "b", "c"}});
                  },
                  ErrorCode::kData),
              HasSubstr("has 2 values for 3 classes"));
}

// The authors' classifier and its published result (their ded_bs5.json), to the last digit.
TEST(DecodeDialogues, IemocapIsDecodedAsByItsAuthors) {
  LIMBIC_REQUIRE_DATA("iemocap_ded_posteriors/outputs.pkl");
  const test::TempDir dir;
  data::import_corpus("iemocap_ded", test::real_data() + "/iemocap_ded_posteriors", dir / "store", {});
  const auto store = data::Store::open(dir / "store");
  const auto& labels = store->label_space("emotion");
  DecodeOptions options;
  options.label_attribute = "raw_label";
  const auto scores = scores_of_stream(*store, "logits", labels);
  const auto decoded = decode_dialogues(*store, labels, scores, options);
  EXPECT_EQ(decoded.num_dialogues, 151);
  EXPECT_EQ(decoded.num_turns, 10039);
  ASSERT_EQ(decoded.before.size(), 5531u);
  const std::vector<double> published = {0.3967, 0.4071, 0.4052, 0.4012, 0.4050};
  ASSERT_EQ(decoded.shift_probability.size(), published.size());
  for (size_t s = 0; s < published.size(); ++s)
    EXPECT_NEAR(decoded.shift_probability[s].second, published[s], 5e-5) << s;
  const auto before = confusion(decoded.before, 4);
  EXPECT_NEAR(before.uar(), 0.6719, 5e-5);
  EXPECT_NEAR(before.accuracy(), 0.6525, 5e-5);
  const auto after = confusion(decoded.after, 4);
  EXPECT_DOUBLE_EQ(after.uar(), 0.710238791254613);
  EXPECT_DOUBLE_EQ(after.accuracy(), 0.6948110649068885);
  const std::vector<std::vector<int64_t>> expected = {
      {802, 54, 194, 53}, {63, 1128, 281, 164}, {121, 301, 1010, 276}, {23, 62, 96, 903}};
  for (int64_t t = 0; t < 4; ++t) {
    for (int64_t c = 0; c < 4; ++c)
      EXPECT_EQ(after.at(t, c), expected[static_cast<size_t>(t)][static_cast<size_t>(c)]) << t << c;
  }
  options.decoding.beam = 1;
  const auto greedy = confusion(decode_dialogues(*store, labels, scores, options).after, 4);
  EXPECT_NEAR(greedy.uar(), 0.6893, 5e-5);
  EXPECT_NEAR(greedy.accuracy(), 0.6735, 5e-5);
}

}  // namespace
}  // namespace limbic::eval
