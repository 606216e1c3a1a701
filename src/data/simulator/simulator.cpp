#include "limbic/data/simulator.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/interrupt.h"
#include "limbic/core/progress.h"
#include "limbic/formats/csv.h"
#include "limbic/formats/jsonl.h"
#include "limbic/media/video_writer.h"
#include "simulator/body.h"
#include "simulator/eda.h"
#include "simulator/face.h"
#include "simulator/latent.h"
#include "simulator/render.h"
#include "simulator/reports.h"
#include "simulator/voice.h"

namespace limbic::data {
namespace sim {
namespace {

constexpr int kCorpusVersion = 1;
constexpr double kLatentCsvRateHz = 10.0;

/// visit() of a config as a JSON object.
class JsonVisitor {
 public:
  template <class T>
  void operator()(const char* name, const T& field, const char* /*doc*/,
                  const config::Bounds& /*bounds*/ = {}) {
    object_[name] = field;
  }
  nlohmann::json take() { return std::move(object_); }

 private:
  nlohmann::json object_ = nlohmann::json::object();
};

/// visit() of a config against its bounds, for structs that did not come from a file.
class BoundsVisitor {
 public:
  explicit BoundsVisitor(config::Checks& checks) : checks_(checks) {}
  template <class T>
  void operator()(const char* name, const T& field, const char* /*doc*/, const config::Bounds& bounds = {}) {
    if constexpr (!std::is_same_v<T, bool>) {
      const auto value = static_cast<double>(field);
      checks_.expect(std::isfinite(value) && bounds.contains(value), name,
                     fmt::format("must be {}, got {}", bounds.to_string(), field));
    }
  }

 private:
  config::Checks& checks_;
};

/// A folder in the making; goes unless published.
class DraftFolder {
 public:
  explicit DraftFolder(const std::string& final_path)
      : final_path_(final_path), path_(core::temp_name_for(final_path)) {
    std::error_code ec;
    std::filesystem::create_directories(path_ + "/sessions", ec);
    if (ec) throw Error(ErrorCode::kStorage, final_path_ + ": cannot make the folder: " + ec.message());
  }
  ~DraftFolder() {
    std::error_code ec;
    if (!is_published_) std::filesystem::remove_all(path_, ec);
  }
  DraftFolder(const DraftFolder&) = delete;
  DraftFolder& operator=(const DraftFolder&) = delete;
  void publish() {
    core::publish_directory(path_, final_path_);
    is_published_ = true;
  }
  const std::string& path() const { return path_; }

 private:
  std::string final_path_;
  std::string path_;
  bool is_published_ = false;
};

/// Counts frames of all threads.
class SharedProgress {
 public:
  explicit SharedProgress(int64_t total) : bar_("simulate", total) {}
  void add(int64_t num_frames) {
    const std::lock_guard<std::mutex> lock(mutex_);
    bar_.step({}, num_frames);
  }

 private:
  std::mutex mutex_;
  core::Progress bar_;
};

std::string subject_name(int64_t subject_idx) {
  return fmt::format("sub{:03}", subject_idx + 1);
}

const char* name_of(int emotion) {
  return emotion_kinds()[static_cast<size_t>(emotion)].name;
}

void write_labels(const std::string& path, const SimulatorConfig& config, const Latent& latent,
                  const Reports& reports) {
  std::vector<std::string> columns{"start_s", "end_s", "valence", "arousal", "felt", "shown"};
  const bool has_self = config.self_reports > 0;
  if (has_self) columns.insert(columns.end(), {"self_felt", "self_valence", "self_arousal"});
  for (int64_t a = 0; a < config.annotators; ++a) columns.push_back(annotator_name(a));
  formats::CsvWriter csv(path, columns, {',', 4});
  for (size_t w = 0; w < latent.windows.size(); ++w) {
    const auto& window = latent.windows[w];
    csv.add(window.start_s).add(window.end_s).add(window.valence).add(window.arousal);
    csv.add(name_of(window.felt)).add(name_of(window.shown));
    if (const auto& self = reports.self[w]; has_self && self.is_given) {
      csv.add(name_of(self.felt)).add(self.valence).add(self.arousal);
    } else if (has_self) {
      csv.add("").add("").add("");
    }
    for (const auto& rated : reports.ratings) csv.add(rated[w] >= 0 ? name_of(rated[w]) : "");
    csv.end_row();
  }
  csv.finish();
}

/// What trackers measure of the pictures: angles in radians, gaze in 30 degrees, lengths in half heads.
void write_motion(const std::string& path, const SimulatorConfig& config, const std::vector<FacePose>& poses,
                  int64_t subject_idx, int64_t session_idx) {
  formats::CsvWriter csv(
      path, {"t_s", "gaze_x", "gaze_y", "lid", "yaw", "pitch", "roll", "shoulder_lift", "torso_lean"},
      {',', 4});
  core::Rng rng = rng_for(config, subject_idx, session_idx, Draws::kTracker);
  for (size_t i = 0; i < poses.size(); ++i) {
    const FacePose& pose = poses[i];
    csv.add(static_cast<double>(i) / config.fps);
    for (const float x : {pose.gaze_x, pose.gaze_y, 1 - pose.blink, pose.yaw_rad, pose.pitch_rad,
                          pose.roll_rad, pose.shoulder_lift, pose.torso_lean})
      csv.add(static_cast<double>(x) + config.track_noise * rng.normal());
    csv.end_row();
  }
  csv.finish();
}

void write_latent(const std::string& path, const Latent& latent) {
  formats::CsvWriter csv(
      path, {"t_s", "felt_valence", "felt_arousal", "shown_valence", "shown_arousal", "felt", "shown"},
      {',', 4});
  const auto num_rows = static_cast<int64_t>(std::floor(latent.duration_s * kLatentCsvRateHz)) + 1;
  for (int64_t i = 0; i < num_rows; ++i) {
    const double t_s = static_cast<double>(i) / kLatentCsvRateHz;
    const AffectPoint felt = latent.felt_at(t_s);
    const AffectPoint shown = latent.shown_at(t_s);
    const Episode& episode = latent.episode_at(t_s);
    csv.add(t_s).add(felt.valence).add(felt.arousal).add(shown.valence).add(shown.arousal);
    csv.add(name_of(episode.felt)).add(name_of(episode.shown));
    csv.end_row();
  }
  csv.finish();
}

void write_eda(const std::string& path, const EdaTrace& trace) {
  formats::CsvWriter csv(path, {"t_s", "eda_us"}, {',', 4});
  for (size_t i = 0; i < trace.microsiemens.size(); ++i) {
    csv.add(static_cast<double>(i) / kEdaRateHz).add(trace.microsiemens[i]);
    csv.end_row();
  }
  csv.finish();
}

/// Gives up, leaving no file, when `is_stopped` says so.
template <class IsStopped>
void write_video(const std::string& path, const SimulatorConfig& config, const std::vector<FacePose>& poses,
                 const VoiceTrack& voice, int64_t subject_idx, int64_t session_idx, SharedProgress& progress,
                 const IsStopped& is_stopped) {
  media::VideoWriterOptions options;
  options.width = static_cast<int>(config.width);
  options.height = static_cast<int>(config.height);
  options.nominal_fps = config.fps;
  options.crf = static_cast<int>(config.crf);
  options.audio_sample_rate = static_cast<int>(config.audio_rate_hz);
  media::VideoWriter writer(path, options);
  FaceRenderer renderer(draw_looks(config, subject_idx, session_idx), options.width, options.height,
                        config.pixel_noise);
  core::Rng grain = rng_for(config, subject_idx, session_idx, Draws::kPixels);
  const auto num_samples = static_cast<int64_t>(voice.samples.size());
  const auto num_frames = static_cast<int64_t>(poses.size());
  constexpr int64_t kReportFrames = 25;
  int64_t sound_done = 0;
  for (int64_t i = 0; i < num_frames; ++i) {
    if (is_stopped()) return;
    const double t_s = static_cast<double>(i) / config.fps;
    writer.write_frame(core::Timestamp::from_seconds(t_s),
                       renderer.draw(poses[static_cast<size_t>(i)], grain));
    // Sound and pictures go into the file side by side.
    const int64_t sound_end =
        i + 1 == num_frames
            ? num_samples
            : std::min<int64_t>(num_samples, std::llround(static_cast<double>(i + 1) / config.fps *
                                                          static_cast<double>(config.audio_rate_hz)));
    writer.write_audio(voice.samples.data() + sound_done, sound_end - sound_done);
    sound_done = sound_end;
    if ((i + 1) % kReportFrames == 0) progress.add(kReportFrames);
  }
  progress.add(num_frames % kReportFrames);
  writer.finish();
}

/// @param tallies  of the session. @return number of labelled windows
template <class IsStopped>
int64_t write_session(const std::string& root, const SimulatorConfig& config, int64_t subject_idx,
                      int64_t session_idx, SharedProgress& progress, const IsStopped& is_stopped,
                      ReportTallies& tallies) {
  const std::string folder =
      fmt::format("{}/sessions/{}_ses{:02}", root, subject_name(subject_idx), session_idx + 1);
  const Temper temper = draw_temper(config, subject_idx);
  const Latent latent = draw_latent(config, temper, subject_idx, session_idx);
  const Reports reports = draw_reports(config, latent, subject_idx, session_idx);
  tallies = count_right(config, latent, reports);
  write_labels(folder + "/labels.csv", config, latent, reports);
  write_latent(folder + "/latent.csv", latent);
  write_eda(folder + "/eda.csv", draw_eda(config, latent, subject_idx, session_idx));
  const VoiceTrack voice =
      draw_voice(config, draw_voice_traits(config, subject_idx), latent, subject_idx, session_idx);
  auto poses = draw_face(config, temper, latent, voice, subject_idx, session_idx);
  move_body(config, latent, subject_idx, session_idx, poses);
  if (config.tracks) write_motion(folder + "/motion.csv", config, poses, subject_idx, session_idx);
  write_video(folder + "/video.mp4", config, poses, voice, subject_idx, session_idx, progress, is_stopped);
  return static_cast<int64_t>(latent.windows.size());
}

void write_subjects(const std::string& path, const SimulatorConfig& config) {
  formats::CsvWriter csv(path, {"subject", "expressivity", "masking", "f0_hz", "skin_tone", "hair", "beard"},
                         {',', 3});
  for (int64_t i = 0; i < config.subjects; ++i) {
    const Temper temper = draw_temper(config, i);
    const Looks looks = draw_looks(config, i, 0);
    csv.add(subject_name(i)).add(temper.expressivity).add(temper.masking);
    csv.add(draw_voice_traits(config, i).f0_hz).add(looks.skin_tone + 1);
    csv.add(looks.has_long_hair ? "long" : "short").add(looks.beard > 0 ? "yes" : "no");
    csv.end_row();
  }
  csv.finish();
}

nlohmann::json tally_json(const ReportTally& tally, double planted) {
  nlohmann::json json{{"planted", planted}, {"num", tally.num_said}};
  if (tally.num_said > 0)
    json["realised"] = static_cast<double>(tally.num_right) / static_cast<double>(tally.num_said);
  return json;
}

/// What weak sources ought to find out.
nlohmann::json truth_json(const SimulatorConfig& config, const ReportTallies& tallies) {
  nlohmann::json truth{{"eda_latency_s", config.eda_latency_s}, {"face_latency_s", kFaceLag_s}};
  for (int64_t a = 0; a < config.annotators; ++a) {
    truth["annotators"][annotator_name(a)] =
        tally_json(tallies.annotators.at(static_cast<size_t>(a)), annotator_accuracy(config, a));
    truth["annotators"][annotator_name(a)]["of"] = "shown";
  }
  if (config.self_reports <= 0) return truth;
  truth["self_report"]["emotion"] = tally_json(tallies.self_felt, config.self_report_accuracy);
  truth["self_report"]["arousal"] = tally_json(tallies.self_arousal, std::nan(""));
  truth["self_report"]["arousal"].erase("planted");
  return truth;
}

void write_corpus_json(const std::string& path, const SimulatorConfig& config, double session_s,
                       const ReportTallies& tallies) {
  SimulatorConfig copy = config;
  JsonVisitor fields;
  copy.visit(fields);
  nlohmann::json corpus;
  corpus["version"] = kCorpusVersion;
  corpus["generator"] = "limbic simulate";
  corpus["synthetic"] = true;
  corpus["seed"] = config.seed;
  corpus["config"] = fields.take();
  // How many threads wrote it is no property of a corpus.
  corpus["config"].erase("num_workers");
  corpus["session_s"] = session_s;
  corpus["truth"] = truth_json(config, tallies);
  for (const auto& kind : emotion_kinds()) {
    corpus["classes"].push_back(kind.name);
    corpus["emotions"][kind.name] = {{"valence", kind.point.valence},
                                     {"arousal", kind.point.arousal},
                                     {"dominance", kind.point.dominance}};
  }
  formats::write_json(path, corpus);
}

std::string readme_text(const SimulatorConfig& c, double session_s) {
  std::string emotions;
  for (const auto& kind : emotion_kinds()) {
    emotions += fmt::format("| {} | {:+.2f} | {:+.2f} | {:+.2f} |\n", kind.name, kind.point.valence,
                            kind.point.arousal, kind.point.dominance);
  }
  return fmt::format(
      R"(# A synthetic corpus of felt and shown emotion

Every face, voice and skin conductance trace here is **synthetic**: `limbic simulate` made them up (seed {seed}).
There are no people in it, and results on it say nothing about people. It is for testing a training pipeline end to
end, with a truth that no real corpus has: what was felt.

{subjects} subjects, {sessions} session(s) each, {session_s:.1f} s a session.

## Files
- `corpus.json`: version, seed, classes, the emotions' points, every parameter
- `subjects.csv`: each subject's expressivity, masking, voice and looks
- `sessions/<subject>_<session>/video.mp4`: {width}x{height} at {fps} frames a second, H.264, with sound (AAC)
- `.../eda.csv`: `t_s`, `eda_us` (skin conductance, microsiemens) at 4 Hz
- `.../labels.csv`: windows of {window_s} s, `[start_s, end_s)`: mean felt valence and arousal, felt and shown emotion
- `.../latent.csv`: `t_s`, felt and shown valence and arousal, felt and shown emotion at 10 Hz

## How it is made
| emotion | valence | arousal | dominance |
|---|---|---|---|
{emotions}
1. **Felt.** Episodes of one emotion follow each other, dealt from a shuffled deck of the six, never the same twice in a
   row; each lasts 1 to {max_windows} windows plus up to {transition_s} s (unlabelled). The felt point follows an
   Ornstein-Uhlenbeck process about the emotion's point: time constant {tau_s} s, standard deviation {spread}.
2. **Shown.** With a subject's probability (mean {masking}, spread {masking_spread}) an episode is masked: bad feelings hide
   behind happy or neutral, good and neutral ones behind neutral, calm or happy. {leakage} of the felt expression leaks.
   What is shown is scaled by the subject's expressivity (mean {expressivity}, spread {expressivity_spread}).
3. **Face.** Action units of the shown emotion, 0.2 s late, smoothed over 0.25 s, moved by shown valence and arousal and by
   noise (standard deviation {face_noise}); blinks, glances, head motion up to 15 degrees; the mouth follows the voice. A lit 3D
   mesh with the subject's proportions, skin and hair is drawn before a still room; camera noise {pixel_noise} of 255.
4. **Voice.** Glottal pulses through four formants, in syllables and phrases without words. Arousal raises pitch (5 semitones a
   unit), loudness (7 dB a unit), rate and brightness; valence widens the pitch range; fear (arousal without dominance)
   adds pitch and jitter. In a masked episode the voice goes {voice_masking} of the way to what is shown. Room noise {snr} dB below.
5. **EDA.** Tonic level plus responses (peak 0.9 s after onset, recovery constant 4 s). Their rate is
   0.02 + 0.6 p^2 a second (times the subject's lability), their size 0.08 + 0.7 p^2 microsiemens (log-normal, times the
   subject's level), where p = (felt arousal {latency_s} s earlier + 1) / 2. No mask reaches it. Sensor noise {eda_noise} microsiemens.
6. **Body.** Strength {body} (0 = still): breath and fidgeting by felt arousal ({body_leakage} of it leaks), posture by what is shown.
7. **Reports.** {annotators} annotators see what is shown and name it rightly with a probability of their own (mean
   {annotator_accuracy}), else any other emotion. After {self_reports} of the episodes the subject reports the felt emotion (right with
   {self_report_accuracy}), valence and arousal (noise {self_report_noise}). `corpus.json` has under `truth` how often each was right.
)",
      fmt::arg("seed", c.seed), fmt::arg("subjects", c.subjects),
      fmt::arg("sessions", c.sessions_per_subject), fmt::arg("session_s", session_s),
      fmt::arg("width", c.width), fmt::arg("height", c.height), fmt::arg("fps", c.fps),
      fmt::arg("window_s", c.window_s), fmt::arg("emotions", emotions),
      fmt::arg("max_windows", c.max_episode_windows), fmt::arg("transition_s", c.transition_s),
      fmt::arg("tau_s", c.latent_tau_s), fmt::arg("spread", c.latent_spread), fmt::arg("masking", c.masking),
      fmt::arg("masking_spread", c.masking_spread), fmt::arg("leakage", c.leakage),
      fmt::arg("expressivity", c.expressivity), fmt::arg("expressivity_spread", c.expressivity_spread),
      fmt::arg("face_noise", c.face_noise), fmt::arg("pixel_noise", c.pixel_noise),
      fmt::arg("voice_masking", c.voice_masking), fmt::arg("snr", c.voice_snr_db),
      fmt::arg("latency_s", c.eda_latency_s), fmt::arg("eda_noise", c.eda_noise_microsiemens),
      fmt::arg("body", c.body), fmt::arg("body_leakage", c.body_leakage),
      fmt::arg("annotators", c.annotators), fmt::arg("annotator_accuracy", c.annotator_accuracy),
      fmt::arg("self_reports", c.self_reports), fmt::arg("self_report_accuracy", c.self_report_accuracy),
      fmt::arg("self_report_noise", c.self_report_noise));
}

}  // namespace
}  // namespace sim

void SimulatorConfig::validate(config::Checks& checks) const {
  SimulatorConfig copy = *this;
  sim::BoundsVisitor bounds(checks);
  copy.visit(bounds);
  const double session_s = minutes * 60 / static_cast<double>(std::max<int64_t>(1, sessions_per_subject));
  checks.expect(
      session_s + 1e-9 >= window_s, "minutes",
      fmt::format("gives sessions of {:.3g} s; they must hold a window of {} s", session_s, window_s));
  checks.expect(
      session_s <= 4 * 3600, "minutes",
      fmt::format("gives sessions of {:.0f} s; at most 4 hours each: use more sessions", session_s));
}

SimulationReport simulate_corpus(const std::string& out, const SimulatorConfig& config) {
  config::ThrowingChecks checks("simulate");
  config.validate(checks);
  std::error_code ec;
  if (std::filesystem::symlink_status(out, ec).type() != std::filesystem::file_type::not_found) {
    throw Error(ErrorCode::kStorage,
                out + ": already exists; expected the name of a new folder; remove it or choose another");
  }
  sim::DraftFolder draft(out);
  const double session_s = sim::session_duration_s(config);
  const auto num_frames = static_cast<int64_t>(std::llround(session_s * config.fps));
  const int64_t num_sessions = config.subjects * config.sessions_per_subject;
  const std::string& root = draft.path();

  sim::SharedProgress progress(num_frames * num_sessions);
  std::atomic<int64_t> next{0};
  std::atomic<int64_t> num_windows{0};
  std::atomic<bool> has_failed{false};
  sim::ReportTallies tallies;
  std::mutex tallies_mutex;
  std::mutex failure_mutex;
  std::exception_ptr failure;
  const auto is_stopped = [&] { return has_failed || core::stop_signal() != 0; };
  const auto work = [&] {
    for (int64_t i = next++; i < num_sessions && !is_stopped(); i = next++) {
      try {
        sim::ReportTallies of_session;
        num_windows += sim::write_session(root, config, i / config.sessions_per_subject,
                                          i % config.sessions_per_subject, progress, is_stopped, of_session);
        const std::lock_guard<std::mutex> lock(tallies_mutex);
        tallies.add(of_session);
      } catch (const std::exception&) {
        const std::lock_guard<std::mutex> lock(failure_mutex);
        if (failure == nullptr) failure = std::current_exception();
        has_failed = true;
      }
    }
  };
  std::vector<std::thread> threads;
  for (int64_t i = 1; i < std::min(config.num_workers, num_sessions); ++i) threads.emplace_back(work);
  work();
  for (auto& thread : threads) thread.join();
  if (failure != nullptr) std::rethrow_exception(failure);
  core::throw_if_stopped();

  sim::write_subjects(root + "/subjects.csv", config);
  sim::write_corpus_json(root + "/corpus.json", config, session_s, tallies);
  core::write_file(root + "/README.md", sim::readme_text(config, session_s));
  draft.publish();
  return {num_sessions, session_s * static_cast<double>(num_sessions) / 60, num_windows};
}

}  // namespace limbic::data
