#include "limbic/signals/eye/gaze_classifiers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "limbic/signals/eye/adaptive_classifier.h"
#include "limbic/signals/eye/gaze_loss.h"
#include "signals/eye/gaze_simulation.h"
#include "support/paths.h"

namespace limbic::signals {
namespace {

using test::GazeSimulation;

/// "fixation 0-50 saccade 50-52": events as text, so that tables can be read.
std::string text_of(const std::vector<GazeEvent>& events) {
  std::string text;
  for (const GazeEvent& e : events) {
    text += (text.empty() ? "" : " ") + std::string(name_of(e.gaze_class)) + " " + std::to_string(e.first) +
            "-" + std::to_string(e.last);
  }
  return text;
}

EyeVelocity five_point(const GazeSamples& gaze) {
  EyeVelocityConfig c;
  c.method = VelocityMethod::kFivePoint;
  return eye_velocity(gaze, c);
}

// Step functions: a jump between samples 49 and 50 makes the five-point velocity of samples 48 to 51 fast.
TEST(Ivt, FindsTheBordersOfSteps) {
  IvtConfig c;
  c.merge_gap_s = 0;
  c.min_saccade_s = 0;
  const struct {
    const char* name;
    GazeSamples gaze;
    const char* events;
  } cases[] = {
      {"rest", GazeSimulation(100).rest(0.5).gaze(), "fixation 0-50"},
      {"too short", GazeSimulation(100).rest(0.09).gaze(), ""},
      {"just long enough", GazeSimulation(100).rest(0.1).gaze(), "fixation 0-10"},
      {"step", GazeSimulation(100).rest(0.5).jump_at_once(5, 0).rest(0.5).gaze(),
       "fixation 0-48 saccade 48-52 fixation 52-100"},
      {"two steps",
       GazeSimulation(100).rest(0.5).jump_at_once(5, 0).rest(0.5).jump_at_once(0, -5).rest(0.5).gaze(),
       "fixation 0-48 saccade 48-52 fixation 52-98 saccade 98-102 fixation 102-150"},
      {"hole parts a fixation", GazeSimulation(100).rest(0.5).lose(0.01).rest(0.5).gaze(),
       "fixation 0-50 fixation 51-101"},
      {"step within a hole", GazeSimulation(100).rest(0.5).lose(0.01).jump_at_once(5, 0).rest(0.5).gaze(),
       "fixation 0-50 fixation 51-101"},
      {"nothing seen", GazeSimulation(100).lose(0.5).gaze(), ""},
      {"slow enough", GazeSimulation(100).pursue(19.9, 0, 0.5).gaze(), "fixation 0-50"},
      {"too fast", GazeSimulation(100).pursue(20.1, 0, 0.5).gaze(), "saccade 0-50"},
      {"one sample", GazeSimulation(100).rest(0.01).gaze(), ""},
      {"empty", {}, ""},
  };
  for (const auto& k : cases) {
    EXPECT_EQ(text_of(classify_ivt(k.gaze, five_point(k.gaze), c)), k.events) << k.name;
  }
}

TEST(Ivt, MergesFixationsThatAreNearInTimeAndSpace) {
  IvtConfig c;
  c.min_saccade_s = 0;
  c.merge_distance_deg = 0.9;
  const auto small = GazeSimulation(100).rest(0.3).jump_at_once(0.8, 0).rest(0.3).gaze();
  EXPECT_EQ(text_of(classify_ivt(small, five_point(small), c)), "fixation 0-60");
  c.merge_distance_deg = 0.7;
  EXPECT_EQ(text_of(classify_ivt(small, five_point(small), c)), "fixation 0-29 saccade 29-31 fixation 31-60");
  c.merge_distance_deg = 0.9;
  c.merge_gap_s = 0.02;
  EXPECT_EQ(text_of(classify_ivt(small, five_point(small), c)), "fixation 0-29 saccade 29-31 fixation 31-60");
}

TEST(Idt, FindsTheBordersOfSteps) {
  const struct {
    const char* name;
    GazeSamples gaze;
    const char* events;
  } cases[] = {
      {"rest", GazeSimulation(100).rest(0.5).gaze(), "fixation 0-50"},
      {"too short", GazeSimulation(100).rest(0.09).gaze(), ""},
      {"just long enough", GazeSimulation(100).rest(0.1).gaze(), "fixation 0-10"},
      {"step", GazeSimulation(100).rest(0.5).jump_at_once(5, 0).rest(0.5).gaze(),
       "fixation 0-50 fixation 50-100"},
      {"step within the dispersion", GazeSimulation(100).rest(0.5).jump_at_once(0.5, 0.5).rest(0.5).gaze(),
       "fixation 0-100"},
      {"both axes count", GazeSimulation(100).rest(0.5).jump_at_once(0.51, 0.5).rest(0.5).gaze(),
       "fixation 0-50 fixation 50-100"},
      {"way between", GazeSimulation(100).rest(0.5).jump(20, 0, 0.05).rest(0.5).gaze(),
       "fixation 0-50 saccade 50-54 fixation 54-105"},
      {"slow way is no saccade", GazeSimulation(100).rest(0.5).pursue(40, 0, 0.5).rest(0.5).gaze(),
       "fixation 0-52 fixation 97-150"},
      {"hole", GazeSimulation(100).rest(0.5).lose(0.01).rest(0.5).gaze(), "fixation 0-50 fixation 51-101"},
      {"nothing seen", GazeSimulation(100).lose(0.5).gaze(), ""},
      {"one sample", GazeSimulation(100).rest(0.01).gaze(), ""},
      {"empty", {}, ""},
  };
  for (const auto& k : cases) EXPECT_EQ(text_of(classify_idt(k.gaze)), k.events) << k.name;
}

TEST(Engbert, FindsTheBordersOfStepsWithBothSpreads) {
  for (const auto spread : {VelocitySpread::kEngbert2015, VelocitySpread::kEngbert2003}) {
    EngbertConfig c;
    c.spread = spread;
    c.min_samples = 3;
    const struct {
      const char* name;
      GazeSamples gaze;
      const char* events;
    } cases[] = {
        {"rest", GazeSimulation(500).rest(0.5).gaze(), "fixation 0-250"},
        {"step", GazeSimulation(500).rest(0.5).jump_at_once(1, 1).rest(0.5).gaze(),
         "fixation 0-248 saccade 248-252 fixation 252-500"},
        {"hole", GazeSimulation(500).rest(0.5).lose(0.01).jump_at_once(1, 1).rest(0.5).gaze(),
         "fixation 0-250 fixation 255-505"},
        {"nothing seen", GazeSimulation(500).lose(0.5).gaze(), ""},
        {"empty", {}, ""},
    };
    for (const auto& k : cases) {
      EXPECT_EQ(text_of(classify_engbert(k.gaze, five_point(k.gaze), c)), k.events) << k.name;
    }
    c.min_samples = 5;
    const auto step = GazeSimulation(500).rest(0.5).jump_at_once(1, 1).rest(0.5).gaze();
    EXPECT_EQ(text_of(classify_engbert(step, five_point(step), c)), "fixation 0-248 fixation 252-500");
  }
}

TEST(Engbert, FindsMicrosaccadesInNoise) {
  GazeSimulation simulation(500, 0.01);
  for (int i = 0; i < 10; ++i) simulation.rest(0.4).jump(i % 2 == 0 ? 0.4 : -0.4, 0.2, 0.02);
  simulation.rest(0.4);
  const auto events = classify_engbert(simulation.gaze(), five_point(simulation.gaze()));
  size_t num_saccades = 0;
  for (const auto& e : events) {
    if (e.gaze_class != GazeClass::kSaccade) continue;
    const double onset_s = 0.4 + 0.42 * static_cast<double>(num_saccades);
    EXPECT_NEAR(simulation.gaze().time_s[e.first], onset_s, 0.008);
    ++num_saccades;
  }
  EXPECT_EQ(num_saccades, 10u);
}

TEST(Engbert, IsRefusedAtCameraRatesUnlessForced) {
  const auto gaze = GazeSimulation(60).rest(1).gaze();
  EXPECT_EQ(test::error_of([&] { classify_engbert(gaze, five_point(gaze)); }, ErrorCode::kData),
            "engbert: 60.000000 Hz; expected at least 100, below which a saccade is one or two samples; use "
            "method camera, or force");
  EngbertConfig c;
  c.force = true;
  EXPECT_EQ(text_of(classify_engbert(gaze, five_point(gaze), c)), "fixation 0-60");
}

TEST(Camera, FindsStepsOfOneAndOfMoreFrames) {
  const auto one = GazeSimulation(30).rest(1).jump_at_once(5, 0).rest(1).gaze();
  EXPECT_EQ(text_of(classify_camera(one)), "fixation 0-30 saccade 30-31 fixation 31-60");
  const auto two = GazeSimulation(30).rest(1).pursue(120, 0, 2.0 / 30).rest(1).gaze();
  EXPECT_EQ(text_of(classify_camera(two)), "fixation 0-30 saccade 30-31 fixation 31-62");
  const auto v = eye_velocity(two);
  const auto m = measure(classify_camera(two)[1], two, v, 1.0 / 30);
  EXPECT_NEAR(m.amplitude_deg, 8, 1e-9);  // all of its way, though only one sample is under way
  EXPECT_EQ(text_of(classify_camera(GazeSimulation(30).rest(1).lose(0.2).jump_at_once(9, 0).rest(1).gaze())),
            "fixation 0-30 fixation 36-66");
  EXPECT_EQ(text_of(classify_camera({})), "");
  EXPECT_EQ(text_of(classify_camera(GazeSimulation(30).rest(0.04).gaze())), "");
}

/// Precision and recall of saccades: an event within 10 ms of a planted one, both ways.
TEST(Adaptive, FindsPlantedSaccadesAtEveryRateAndNoise) {
  for (const double rate_hz : {120.0, 250.0, 500.0, 1000.0, 2000.0}) {
    for (const double noise_deg : {0.0, 0.01, 0.05}) {
      GazeSimulation simulation(rate_hz, noise_deg);
      std::vector<double> planted_s;
      core::Rng rng(7);
      for (int i = 0; i < 40; ++i) {
        simulation.rest(rng.uniform(0.2, 0.5));
        planted_s.push_back(static_cast<double>(simulation.size()) / rate_hz);
        const double amplitude_deg = rng.uniform(2, 12);
        const double angle = rng.uniform(0, 6.28);
        // Durations of the main sequence: 2.2 ms a degree and 21 ms.
        simulation.jump(amplitude_deg * std::cos(angle), amplitude_deg * std::sin(angle),
                        0.021 + 0.0022 * amplitude_deg);
      }
      simulation.rest(0.3);
      const auto& gaze = simulation.gaze();
      size_t num_found = 0;
      size_t num_events = 0;
      for (const auto& e : classify_adaptive(gaze, eye_velocity(gaze))) {
        if (e.gaze_class != GazeClass::kSaccade) continue;
        ++num_events;
        for (const double onset_s : planted_s) {
          if (std::abs(gaze.time_s[e.first] - onset_s) < 0.010 + 1 / rate_hz) ++num_found;
        }
      }
      EXPECT_GE(num_found, 39u) << rate_hz << " Hz, noise " << noise_deg;
      EXPECT_LE(num_events, 41u) << rate_hz << " Hz, noise " << noise_deg;
    }
  }
}

TEST(Adaptive, NoiseAloneIsOneFixation) {
  for (const double noise_deg : {0.0, 0.01, 0.1, 0.5}) {
    const auto gaze = GazeSimulation(500, noise_deg).rest(5).gaze();
    const auto events = classify_adaptive(gaze, eye_velocity(gaze));
    ASSERT_EQ(events.size(), 1u) << noise_deg << ": " << text_of(events);
    EXPECT_EQ(events[0].gaze_class, GazeClass::kFixation);
  }
}

TEST(Adaptive, TellsPursuitFromFixation) {
  for (const double speed_deg_s : {5.0, 10.0, 20.0}) {
    const auto gaze =
        GazeSimulation(500, 0.02).rest(0.5).pursue(speed_deg_s, 0.5 * speed_deg_s, 0.6).rest(0.5).gaze();
    const auto labels = labels_of(classify_adaptive(gaze, eye_velocity(gaze)), gaze.size());
    size_t right = 0;
    for (size_t i = 0; i < gaze.size(); ++i) {
      const bool pursues = i >= 250 && i < 550;
      right += labels[i] == (pursues ? GazeClass::kPursuit : GazeClass::kFixation) ? 1 : 0;
    }
    EXPECT_GE(right, gaze.size() * 9 / 10) << speed_deg_s;
  }
}

TEST(Adaptive, FindsTheOscillationAfterASaccade) {
  const auto plain = GazeSimulation(500, 0.01).rest(0.5).jump(8, 0, 0.04).rest(0.5).gaze();
  const auto swung =
      GazeSimulation(500, 0.01).rest(0.5).jump(8, 0, 0.04).swing(0.6, 50, 0.03).rest(0.5).gaze();
  const auto count_pso = [](const GazeSamples& gaze) {
    size_t n = 0;
    for (const auto& e : classify_adaptive(gaze, eye_velocity(gaze))) {
      if (e.gaze_class != GazeClass::kPso) continue;
      EXPECT_NEAR(gaze.time_s[e.first], 0.54, 0.01);
      ++n;
    }
    return n;
  };
  EXPECT_EQ(count_pso(plain), 0u);
  EXPECT_EQ(count_pso(swung), 1u);
}

TEST(Adaptive, PiecesGiveWhatTheWholeGives) {
  GazeSimulation simulation(250, 0.02);
  core::Rng rng(5);
  for (int i = 0; i < 200; ++i) simulation.rest(rng.uniform(0.15, 0.6)).jump(rng.uniform(-8, 8), 2, 0.04);
  const auto& gaze = simulation.gaze();
  const auto whole = labels_of(classify_adaptive(gaze, eye_velocity(gaze)), gaze.size());
  const double border_s = 30;
  const auto piece = slice(gaze, border_s, 60);
  const auto part = labels_of(classify_adaptive(piece, eye_velocity(piece)), piece.size());
  const auto first = static_cast<size_t>(border_s * 250);
  for (size_t i = 250; i + 250 < piece.size(); ++i) ASSERT_EQ(part[i], whole[first + i]) << i;
}

TEST(Adaptive, BadInputHasADefinedResult) {
  EXPECT_TRUE(classify_adaptive({}, {}).empty());
  for (const auto& gaze : {GazeSimulation(500).rest(0.002).gaze(), GazeSimulation(500).lose(1).gaze(),
                           GazeSimulation(500).rest(0.004).gaze()}) {
    EXPECT_TRUE(classify_adaptive(gaze, eye_velocity(gaze)).empty());
  }
  AdaptiveClassifierConfig c;
  c.onset_factor = 20;
  EXPECT_EQ(test::error_of([&] { classify_adaptive({}, {}, c); }, ErrorCode::kConfig),
            "adaptive.peak_factor: must be at least onset_factor and offset_factor, got 15.000000");
}

TEST(GazeLoss, TellsBlinksFromDropOutsAndLosses) {
  const auto gaze =
      GazeSimulation(500).rest(1).lose(0.01).rest(1).lose(0.15).rest(1).lose(0.8).rest(1).gaze();
  const auto losses = find_losses(gaze);
  ASSERT_EQ(losses.size(), 3u);
  EXPECT_FALSE(losses[0].is_blink);
  EXPECT_TRUE(losses[1].is_blink);
  EXPECT_FALSE(losses[2].is_blink);
  EXPECT_EQ(losses[0].samples.size(), 5u);
  EXPECT_EQ(losses[1].samples.size(), 75u);  // a calm border is no edge
  EXPECT_NEAR(losses[2].missing_s, 0.8, 1e-9);
}

TEST(GazeLoss, TheLidsWayBelongsToTheBlink) {
  const auto gaze = GazeSimulation(500).rest(1).jump(0, 8, 0.04).lose(0.15).jump(0, -8, 0.06).rest(1).gaze();
  const auto losses = find_losses(gaze);
  ASSERT_EQ(losses.size(), 1u);
  EXPECT_NEAR(static_cast<double>(losses[0].samples.first), 500, 4);
  EXPECT_NEAR(static_cast<double>(losses[0].samples.last), 625, 4);
  const auto clean = without_losses(gaze, losses);
  for (const auto& e : classify_adaptive(clean, eye_velocity(clean))) {
    EXPECT_EQ(e.gaze_class, GazeClass::kFixation);
  }
}

TEST(GazeLoss, AShrinkingPupilIsAnEdgeToo) {
  auto gaze = GazeSimulation(500).rest(1).lose(0.15).rest(1).gaze();
  core::Rng rng(1);
  for (size_t i = 0; i < gaze.size(); ++i) {
    gaze.pupil.push_back(gaze.has(i) ? 4 + 0.005 * rng.normal() : 0.0);
    if (i >= 480 && i < 500) gaze.pupil[i] -= 0.1 * static_cast<double>(i - 479);
  }
  EXPECT_NEAR(static_cast<double>(find_losses(gaze)[0].samples.first), 480, 2);
  GazeLossConfig c;
  c.pupil_edge_factor = 0;
  EXPECT_EQ(find_losses(gaze, c)[0].samples.first, 500u);
}

TEST(GazeLoss, NoEyeIsFasterThanTheLimit) {
  const auto gaze = GazeSimulation(500).rest(1).jump_at_once(60, 0).rest(1).gaze();
  ASSERT_FALSE(find_losses(gaze).empty());
  GazeLossConfig c;
  c.max_velocity_deg_s = 0;
  EXPECT_TRUE(find_losses(gaze, c).empty());
}

TEST(GazeLoss, BadInputHasADefinedResult) {
  EXPECT_TRUE(find_losses({}).empty());
  EXPECT_TRUE(find_losses(GazeSimulation(500).rest(0.002).gaze()).empty());
  const auto all = find_losses(GazeSimulation(500).lose(3).gaze());
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].samples.size(), 1500u);
  GazeLossConfig c;
  c.min_blink_s = 1;
  EXPECT_EQ(test::error_of([&] { find_losses({}, c); }, ErrorCode::kConfig),
            "gaze_loss.min_blink_s: must be in [0, max_blink_s), got 1.000000");
}

}  // namespace
}  // namespace limbic::signals
