#pragma once
#include <cstdint>
#include <string>

#include "limbic/config/bounds.h"
#include "limbic/config/checks.h"

namespace limbic::data {

// Note [The simulated corpus]
// Nobody knows what a person on a recording felt. Here it is known, since it came first:
//
//   felt emotion   a semi-Markov chain of episodes, dealt from a shuffled deck of neutral, happy, sad, angry,
//                  afraid, calm, so that a short session has them all; each is a point (valence, arousal,
//                  dominance) about which an Ornstein-Uhlenbeck process runs.
//   shown emotion  what is felt, unless the episode is masked (probability `masking`): then neutral, happy
//                  or calm, never what is felt; `leakage` of the felt expression stays visible.
//   face           the shown emotion's action units times the subject's expressivity, 0.2 s late and
//                  smoothed, moved by shown valence and arousal; blinks, gaze, head motion; a lit 3D mesh.
//   voice          speech-like: glottal pulses through formants, syllables and pauses. Arousal raises F0,
//                  loudness, rate and brightness, valence the range of F0, low dominance the jitter; masked
//                  episodes move it `voice_masking` of the way towards what is shown. The mouth follows it.
//   EDA            tonic level plus skin conductance responses (peak 0.9 s after onset, recovery 4 s) whose
//                  rate and size follow the felt arousal `eda_latency_s` earlier. No mask reaches it.
//
//   body           still, unless `body`: breath, posture, and fidgeting that follows felt arousal as far as
//                  it leaks; motion.csv has what trackers of gaze, head and body
//                  would measure when `tracks` says so.
//   reports        `annotators` name the emotion of every window as they see it, each with a reliability of
//                  its own; after a share `self_reports` of episodes the subject says what was felt, with
//                  errors. What is true of them (and of the lags) is in corpus.json under `truth`.
//
// So the face tells what is shown, EDA how aroused the subject is, and the voice a bit of both: a model that
// uses them all can find what the face hides. Numbers on this corpus say nothing about people.

/// What simulate_corpus makes. Times in seconds unless named otherwise.
struct SimulatorConfig {
  int64_t subjects = 6;
  double minutes = 1.0;
  int64_t sessions_per_subject = 1;
  uint64_t seed = 1;
  int64_t num_workers = 2;

  double window_s = 4.0;
  int64_t max_episode_windows = 3;
  double transition_s = 0.5;

  int64_t width = 320;
  int64_t height = 240;
  double fps = 25.0;
  int64_t crf = 20;
  int64_t audio_rate_hz = 16000;

  double latent_tau_s = 0.8;
  double latent_spread = 0.12;
  double expressivity = 1.0;
  double expressivity_spread = 0.15;
  double masking = 0.25;
  double masking_spread = 0.1;
  double leakage = 0.15;
  double voice_masking = 0.5;
  double eda_latency_s = 2.0;

  double face_noise = 0.05;
  double voice_snr_db = 30.0;
  double eda_noise_microsiemens = 0.01;
  double pixel_noise = 1.5;

  double body = 0.0;
  double body_leakage = 0.7;
  bool tracks = false;
  double track_noise = 0.02;

  double arousal_cut = 0.2;
  int64_t annotators = 0;
  double annotator_accuracy = 0.8;
  double annotator_accuracy_spread = 0.1;
  double annotator_coverage = 1.0;
  double self_reports = 0.0;
  double self_report_accuracy = 0.85;
  double self_report_noise = 0.2;
  double self_report_bias = 0.1;

  template <class Visitor>
  void visit(Visitor& v) {
    using namespace config;
    v("subjects", subjects, "simulated people, each with own looks, voice and habits", in_range(1, 9999));
    v("minutes", minutes, "recording per subject, over all sessions", half_open_below(0, 100000));
    v("sessions_per_subject", sessions_per_subject, "recordings of a subject, in other light and clothes",
      in_range(1, 99));
    v("seed", seed, "the same seed and config give the same corpus");
    v("num_workers", num_workers, "threads; the corpus does not depend on it", in_range(1, 256));
    v("window_s", window_s, "length of a labelled window", in_range(0.5, 600));
    v("max_episode_windows", max_episode_windows, "an episode of one emotion lasts 1 to so many windows",
      in_range(1, 1000));
    v("transition_s", transition_s, "longest stretch without a label at an episode's end", in_range(0, 60));
    v("width", width, "of the picture, pixels", in_range(64, 4096));
    v("height", height, "of the picture, pixels", in_range(64, 4096));
    v("fps", fps, "pictures a second", in_range(5, 120));
    v("crf", crf, "quality of H.264, 0 (lossless) to 51", in_range(0, 51));
    v("audio_rate_hz", audio_rate_hz, "sample rate of the sound", in_range(8000, 48000));
    v("latent_tau_s", latent_tau_s, "time in which the felt state turns to a new emotion",
      in_range(0.05, 60));
    v("latent_spread", latent_spread, "standard deviation of the felt state about its emotion",
      in_range(0, 1));
    v("expressivity", expressivity, "mean strength of what the face shows", in_range(0, 2));
    v("expressivity_spread", expressivity_spread, "its standard deviation over subjects", in_range(0, 1));
    v("masking", masking, "mean share of episodes in which the face hides what is felt", in_range(0, 1));
    v("masking_spread", masking_spread, "its standard deviation over subjects", in_range(0, 1));
    v("leakage", leakage, "share of the felt expression that shows through a mask", in_range(0, 1));
    v("voice_masking", voice_masking, "how far the voice follows the mask: 0 felt, 1 shown", in_range(0, 1));
    v("eda_latency_s", eda_latency_s, "from arousal to the onset of its skin conductance response",
      in_range(0, 10));
    v("face_noise", face_noise, "standard deviation of the face's random movement", in_range(0, 1));
    v("voice_snr_db", voice_snr_db, "speech over room noise", in_range(-20, 100));
    v("eda_noise_microsiemens", eda_noise_microsiemens, "standard deviation of the sensor's noise",
      in_range(0, 10));
    v("pixel_noise", pixel_noise, "standard deviation of the camera's noise, of 255", in_range(0, 50));
    v("body", body, "strength of the body's movement: 0 still, 1 as people breathe and fidget",
      in_range(0, 3));
    v("body_leakage", body_leakage, "how far the body's restlessness follows what is felt: 0 shown, 1 felt",
      in_range(0, 1));
    v("tracks", tracks, "also write motion.csv: gaze, lids, head and shoulders of every picture");
    v("track_noise", track_noise, "standard deviation of the trackers' noise", in_range(0, 1));
    v("arousal_cut", arousal_cut, "felt arousal from here on is high: task `arousal` of the store",
      in_range(-1, 1));
    v("annotators", annotators, "people who name the shown emotion of every window", in_range(0, 100));
    v("annotator_accuracy", annotator_accuracy, "mean probability that an annotator is right",
      in_range(0, 1));
    v("annotator_accuracy_spread", annotator_accuracy_spread, "its standard deviation over annotators",
      in_range(0, 1));
    v("annotator_coverage", annotator_coverage, "share of the windows that an annotator sees",
      in_range(0, 1));
    v("self_reports", self_reports, "share of episodes after which the subject reports", in_range(0, 1));
    v("self_report_accuracy", self_report_accuracy, "probability that the reported emotion was felt",
      in_range(0, 1));
    v("self_report_noise", self_report_noise, "standard deviation of reported valence and arousal",
      in_range(0, 2));
    v("self_report_bias", self_report_bias, "standard deviation over subjects of a bias in reported arousal",
      in_range(0, 1));
  }
  /// What bounds cannot say: a session must hold at least one window.
  void validate(config::Checks& checks) const;
};

struct SimulationReport {
  int64_t num_sessions = 0;
  double minutes = 0;  ///< of video, all sessions together
  int64_t num_windows = 0;
};

/// Writes a corpus, see Note [The simulated corpus]; it appears as `out` when it is complete:
///
///   README.md  corpus.json {version, seed, classes, emotions, config, truth}  subjects.csv
///   sessions/<subject>_<session>/video.mp4    H.264 and AAC
///                               /eda.csv      t_s, eda_us at 4 Hz
///                               /labels.csv   start_s, end_s (open), felt valence and arousal, felt, shown;
///                                             self_felt, self_valence, self_arousal, rater_1... when asked
///                                             for
///                               /latent.csv   t_s, felt and shown valence and arousal at 10 Hz
///                               /motion.csv   t_s, gaze, lids, head, shoulders; when asked for
///
/// Independent of `num_workers`; the same machine writes the same bytes again.
/// @throws Error(kConfig) a wrong config, Error(kStorage) `out` exists (it stays as it is) or cannot be
/// written
SimulationReport simulate_corpus(const std::string& out, const SimulatorConfig& config);

}  // namespace limbic::data
