#include "limbic/stream/analysis.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <memory>
#include <set>

#include "limbic/affect/modality.h"
#include "limbic/core/error.h"
#include "limbic/core/interrupt.h"
#include "limbic/core/log.h"
#include "limbic/core/progress.h"
#include "limbic/features/feature_extractor.h"

namespace limbic::stream {
namespace {

using affect::modality::kFace;
using core::Timestamp;

Timestamp half(Timestamp t) {
  return {t.ticks / 2};
}

std::vector<affect::LabelSpace> tasks_with_classes(const model::BundleInfo& model) {
  std::vector<affect::LabelSpace> tasks;
  for (const auto& task : model.tasks) {
    if (task.has_classes()) tasks.push_back(task);
  }
  return tasks;
}

/// Sound around a moving point: reads ahead as needed and forgets what lies behind.
class SoundWindow {
 public:
  SoundWindow(const std::string& path, int sample_rate)
      : rate_(sample_rate), reader_(path, options(sample_rate)) {}

  /// Samples of [from, to), silence where the recording has none. Calls go forward in time.
  std::vector<float> slice(Timestamp from, Timestamp to) {
    read_until(to);
    const int64_t first = sample_at(from);
    const int64_t count = sample_at(to) - first;
    std::vector<float> out(static_cast<size_t>(std::max<int64_t>(0, count)), 0.0f);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t at = first + i - first_sample_;
      if (at >= 0 && at < static_cast<int64_t>(samples_.size())) {
        out[static_cast<size_t>(i)] = samples_[static_cast<size_t>(at)];
      }
    }
    return out;
  }
  /// Whether any of [from, to) is inside the recording.
  bool covers(Timestamp from, Timestamp to) {
    read_until(to);
    return sample_at(to) > start_sample_ && (!is_at_end_ || sample_at(from) < end_sample_);
  }
  void forget_before(Timestamp t) {
    const int64_t keep_from = sample_at(t);
    while (first_sample_ < keep_from && !samples_.empty()) {
      samples_.pop_front();
      ++first_sample_;
    }
  }
  void read_to_end() { read_until({INT64_MAX}); }
  /// End of what was read so far.
  Timestamp end() const { return Timestamp::from_seconds(static_cast<double>(end_sample_) / rate_); }
  const media::AudioReader& reader() const { return reader_; }

 private:
  static media::AudioOptions options(int sample_rate) {
    media::AudioOptions made;
    made.sample_rate = sample_rate;
    return made;
  }
  int64_t sample_at(Timestamp t) const { return static_cast<int64_t>(std::floor(t.seconds() * rate_ + 0.5)); }
  void read_until(Timestamp t) {
    media::AudioBuffer chunk;
    while (!is_at_end_ && (!has_begun_ || end_sample_ < sample_at(t))) {
      if (!reader_.next(chunk)) {
        is_at_end_ = true;
        break;
      }
      if (!has_begun_) {
        has_begun_ = true;
        start_sample_ = first_sample_ = end_sample_ = sample_at(chunk.t0);
      }
      samples_.insert(samples_.end(), chunk.samples.begin(), chunk.samples.end());
      end_sample_ += static_cast<int64_t>(chunk.samples.size());
    }
  }

  int rate_;
  media::AudioReader reader_;
  std::deque<float> samples_;
  int64_t start_sample_ = 0;  ///< of the recording
  int64_t first_sample_ = 0;  ///< of samples_
  int64_t end_sample_ = 0;
  bool has_begun_ = false;
  bool is_at_end_ = false;
};

/// Faces of one analysed frame, those of tracks that are not sure yet included.
struct AnalysedFrame {
  Timestamp pts;
  std::vector<vision::FaceTrack> tracks;
};

struct Crop {
  Timestamp t;
  at::Tensor pixels_CHW;
};

/// The state of one pass over one recording.
class Pass {
 public:
  Pass(const std::string& path, const model::Bundle& bundle, const InferenceConfig& config)
      : path_(path),
        bundle_(bundle),
        config_(config),
        extractor_(bundle.info.features),
        tracker_(config.tracker) {
    if (config.consistency) {
      result_.constraints = std::make_shared<const affect::ClassConstraints>(
          affect::Ontology::load(config.consistency->ontology), tasks_with_classes(bundle.info),
          config.consistency->corpus);
      require(!result_.constraints->contradictions().empty(), ErrorCode::kConfig,
              "consistency: no classes of the model's tasks can contradict each other; leave it out");
    }
    result_.info = media::probe(path);
    result_.has_video = result_.info.video.has_value();
    sees_ = result_.has_video && extractor_.has(kFace);
    find_hearing_modalities();
    result_.has_audio = result_.info.audio.has_value() && !hearing_.empty();
    require(sees_ || result_.has_audio, ErrorCode::kModel,
            fmt::format("{}: the model needs {} and the recording has {}", path, wanted(),
                        result_.has_video ? "video without sound" : "sound without video"));
    if (sees_) set_up_faces();
    if (result_.has_audio) sound_ = std::make_unique<SoundWindow>(path, static_cast<int>(sound_rate_hz_));
  }

  Analysis run() {
    if (result_.has_video) {
      run_video();
    } else {
      run_sound();
    }
    if (sound_ != nullptr) result_.audio_stats = sound_->reader().stats();
    smooth();
    connect();
    return std::move(result_);
  }

 private:
  std::string wanted() const {
    std::string text;
    for (const auto& name : extractor_.modalities()) text += (text.empty() ? "" : " or ") + name;
    return text;
  }
  /// Modalities made from the waveform; all read the same one.
  void find_hearing_modalities() {
    for (const auto& [modality, feature] : bundle_.info.features) {
      if (!features::takes_waveform(feature)) continue;
      const int64_t rate_hz = features::waveform_rate_hz(feature);
      require(hearing_.empty() || rate_hz == sound_rate_hz_, ErrorCode::kModel,
              "the model's modalities want sound at different rates, which one recording cannot give");
      hearing_.push_back(modality);
      sound_rate_hz_ = rate_hz;
    }
  }
  double window_s(const std::string& modality) const {
    const auto found = bundle_.info.window_s.find(modality);
    return found == bundle_.info.window_s.end() ? 0.0 : found->second;
  }
  /// The longest window of any modality; 0 = the model sees single faces.
  double reach_s() const {
    double longest = window_s(kFace);
    for (const auto& modality : hearing_) longest = std::max(longest, window_s(modality));
    return longest;
  }
  bool looks_at_windows() const { return reach_s() > 0; }

  void set_up_faces() {
    detector_ = vision::build_face_detector(config_.detector);
    const auto& feature = std::get<features::FaceCropFeature>(bundle_.info.features.at(kFace));
    auto framing = feature.framing;
    framing.size = feature.size;
    framing.channels = feature.channels;
    cropper_ = std::make_unique<vision::FaceCropper>(framing);
    const auto rate = bundle_.info.input_rate_hz.find(kFace);
    if (window_s(kFace) > 0 && rate != bundle_.info.input_rate_hz.end() && rate->second > 0) {
      face_rate_hz_ = rate->second;
    }
    // A window model wants frames as often as in training; looking less often would leave holes.
    analysis_step_ = Timestamp::from_seconds(1.0 / std::max(config_.analysis_rate_hz, face_rate_hz_));
  }

  void run_video() {
    media::VideoReader reader(path_);
    media::VideoFrame frame;
    core::Progress bar("analyse", result_.info.video->num_frames);
    Timestamp next_analysis{INT64_MIN};
    while (reader.next(frame)) {
      FrameRecord record;
      record.index = frame.index;
      record.pts = frame.pts;
      record.width = frame.width;
      record.height = frame.height;
      result_.frames.push_back(std::move(record));
      if (sees_ && frame.pts >= next_analysis) {
        analyse_frame(frame);
        // Half a millisecond early is on time: frame times are rounded.
        next_analysis = std::max(next_analysis + analysis_step_, frame.pts + half(analysis_step_));
        if (next_analysis < frame.pts) next_analysis = frame.pts + analysis_step_;
      }
      decide_until(frame.pts, /*is_end=*/false);
      bar.step({});
      core::throw_if_stopped();
    }
    result_.video_stats = reader.stats();
    if (!result_.frames.empty()) decide_until(result_.frames.back().pts, /*is_end=*/true);
    run_batch();
  }

  void run_sound() {
    sound_->covers({0}, {INT64_MAX / 4});
    const Timestamp end = sound_->end();
    const Timestamp hop = Timestamp::from_seconds(config_.hop_s);
    int64_t index = 0;
    for (Timestamp t = half(hop); t < end; t = t + hop) {
      FrameRecord record;
      record.index = index++;
      record.pts = t;
      result_.frames.push_back(std::move(record));
      decide_until(t, /*is_end=*/true);
      core::throw_if_stopped();
    }
    run_batch();
  }

  void analyse_frame(const media::VideoFrame& frame) {
    const vision::GrayView gray{frame.gray(), frame.width, frame.height, frame.width};
    tracker_.update(detector_->detect(gray));
    AnalysedFrame analysed{frame.pts, {}};
    const bool wants_rgb = cropper_->config().channels == 3;
    const vision::ImageView image{wants_rgb ? frame.rgb() : frame.gray(), frame.width, frame.height,
                                  wants_rgb ? 3 : 1, frame.width * (wants_rgb ? 3 : 1)};
    for (const auto& track : tracker_.tracks()) {
      if (track.is_confirmed) confirmed_.insert(track.id);
      analysed.tracks.push_back(track);
      crops_[track.id].push_back({frame.pts, cropper_->crop(image, track.face)});
    }
    std::stable_sort(analysed.tracks.begin(), analysed.tracks.end(),
                     [](const auto& a, const auto& b) { return a.face.box.area() > b.face.box.area(); });
    analysed_.push_back(std::move(analysed));
    if (!looks_at_windows()) {
      for (const auto& track : analysed_.back().tracks) request(frame.pts, track.id);
    }
  }

  /// Decisions whose windows end at or before `now`.
  void decide_until(Timestamp now, bool is_end) {
    if (!looks_at_windows()) return;
    const Timestamp reach = half(Timestamp::from_seconds(reach_s()));
    const Timestamp hop = Timestamp::from_seconds(config_.hop_s);
    while (next_decision_ + (is_end ? Timestamp{0} : reach) <= now) {
      decide_at(next_decision_);
      next_decision_ = next_decision_ + hop;
      forget_before(next_decision_ - reach - hop);
    }
  }

  void decide_at(Timestamp t) {
    const AnalysedFrame* nearest = nearest_analysed(t);
    bool has_anybody = false;
    if (nearest != nullptr) {
      for (const auto& track : nearest->tracks) {
        request(t, track.id);
        has_anybody = true;
      }
    }
    if (!has_anybody && result_.has_audio) request(t, kNobody);
  }

  const AnalysedFrame* nearest_analysed(Timestamp t) const {
    const AnalysedFrame* best = nullptr;
    for (auto it = analysed_.rbegin(); it != analysed_.rend(); ++it) {
      if (best == nullptr || std::abs((it->pts - t).ticks) < std::abs((best->pts - t).ticks)) best = &*it;
      if (it->pts < t) break;
    }
    if (best != nullptr && std::abs((best->pts - t).ticks) > 2 * analysis_step_.ticks) return nullptr;
    return best;
  }

  void forget_before(Timestamp t) {
    for (auto it = crops_.begin(); it != crops_.end();) {
      while (!it->second.empty() && it->second.front().t < t) it->second.pop_front();
      it = it->second.empty() ? crops_.erase(it) : std::next(it);
    }
    if (sound_ != nullptr) sound_->forget_before(t);
  }

  /// Puts one decision into the batch: its inputs are taken now, while they are at hand.
  void request(Timestamp t, int64_t person) {
    Decision decision;
    decision.t = t;
    decision.person = person;
    std::map<std::string, affect::Stream> inputs;
    if (sees_ && person != kNobody) inputs[kFace] = face_input(t, person);
    if (result_.has_audio && (person == kNobody || is_most_prominent(t, person))) {
      for (const auto& modality : hearing_) inputs[modality] = sound_input(modality, t);
    }
    for (const auto& [name, stream] : inputs) {
      decision.present[name] =
          stream.values.defined() && stream.values.size(0) > 0 && stream.valid_T.any().item<bool>();
    }
    const bool has_any =
        std::any_of(decision.present.begin(), decision.present.end(), [](const auto& p) { return p.second; });
    if (!has_any) return;
    pending_.push_back({std::move(decision), std::move(inputs)});
    if (static_cast<int64_t>(pending_.size()) >= config_.batch_size) run_batch();
    if (!looks_at_windows()) {
      auto& crops = crops_[person];
      while (crops.size() > 1) crops.pop_front();
    }
  }

  /// One sound track cannot tell who speaks: it goes to the largest face.
  bool is_most_prominent(Timestamp t, int64_t person) const {
    const AnalysedFrame* nearest = nearest_analysed(t);
    return nearest != nullptr && !nearest->tracks.empty() && nearest->tracks.front().id == person;
  }

  affect::Stream face_input(Timestamp t, int64_t person) {
    const auto found = crops_.find(person);
    affect::Stream raw;
    raw.modality = kFace;
    if (found == crops_.end() || found->second.empty()) return raw;
    const auto& crops = found->second;
    if (window_s(kFace) <= 0) {
      raw.t0 = t;
      raw.values = crops.back().pixels_CHW.unsqueeze(0);
      raw.valid_T = at::ones({1}, at::kBool);
      return extractor_.extract(kFace, raw);
    }
    const auto num_frames = std::max<int64_t>(1, std::llround(window_s(kFace) * face_rate_hz_));
    const Timestamp step = Timestamp::from_seconds(1.0 / face_rate_hz_);
    raw.rate_hz = face_rate_hz_;
    raw.t0 = t - half(Timestamp::from_seconds(window_s(kFace)));
    raw.valid_T = at::zeros({num_frames}, at::kBool);
    std::vector<at::Tensor> frames;
    for (int64_t k = 0; k < num_frames; ++k) {
      const Timestamp at{raw.t0.ticks + k * step.ticks};
      const auto nearest = std::min_element(crops.begin(), crops.end(), [&](const Crop& a, const Crop& b) {
        return std::abs((a.t - at).ticks) < std::abs((b.t - at).ticks);
      });
      const bool is_near = std::abs((nearest->t - at).ticks) <= step.ticks;
      raw.valid_T[k] = is_near;
      frames.push_back(is_near ? nearest->pixels_CHW : at::zeros_like(nearest->pixels_CHW));
    }
    raw.values = at::stack(frames);
    return extractor_.extract(kFace, raw);
  }

  affect::Stream sound_input(const std::string& modality, Timestamp t) {
    affect::Stream none;
    none.modality = modality;
    const Timestamp reach = half(Timestamp::from_seconds(window_s(modality)));
    const Timestamp from = std::max(Timestamp{0}, t - reach);
    if (!sound_->covers(from, t + reach)) return none;
    const auto samples = sound_->slice(from, t + reach);
    return extractor_.extract_audio(modality, samples.data(), static_cast<int64_t>(samples.size()), from);
  }

  void run_batch() {
    if (pending_.empty()) return;
    const c10::InferenceMode inference;
    affect::Batch batch;
    for (size_t i = 0; i < pending_.size(); ++i) batch.ids.push_back(std::to_string(i));
    for (const auto& name : extractor_.modalities()) batch.streams[name] = collate(name);
    const auto output = bundle_.model->forward(batch);
    for (size_t i = 0; i < pending_.size(); ++i) {
      Decision& decision = pending_[i].decision;
      bool is_finite = true;
      for (const auto& task : bundle_.info.tasks)
        is_finite = read_task(task, output, static_cast<int64_t>(i), decision) && is_finite;
      if (is_finite) {
        result_.decisions.push_back(std::move(decision));
      } else {
        ++result_.num_invalid_decisions;
      }
    }
    pending_.clear();
  }

  /// What the model says of one row. @return false where that is not finite
  bool read_task(const affect::LabelSpace& task, const affect::ModelOutput& output, int64_t row,
                 Decision& decision) const {
    const auto calibration = bundle_.info.calibration.find(task.task);
    const double temperature =
        calibration == bundle_.info.calibration.end() ? 1.0 : calibration->second.temperature;
    const auto take = [](const at::Tensor& values, std::vector<float>& into) {
      const auto plain = values.to(at::kFloat).contiguous();
      into.assign(plain.data_ptr<float>(), plain.data_ptr<float>() + plain.numel());
      return at::isfinite(plain).all().item<bool>();
    };
    if (task.has_classes())
      return take(at::softmax(output.logits_BC.at(task.task)[row].to(at::kFloat) / temperature, 0),
                  decision.probability[task.task]);
    if (!is_continuous(task))
      return take(at::sigmoid(output.label_logits_BC.at(task.task)[row].to(at::kFloat) / temperature),
                  decision.probability[task.task]);
    if (task.is_framewise()) return read_moment(task, output, row, decision);
    bool is_finite = take(output.value_BC.at(task.task)[row], decision.value[task.task]);
    const auto log_variance = output.log_variance_BC.find(task.task);
    if (log_variance != output.log_variance_BC.end())
      is_finite = take((0.5 * log_variance->second[row]).exp(), decision.deviation[task.task]) && is_finite;
    return is_finite;
  }

  /// Of values over a window, the mean over the hop around the decision's time: windows follow each other by
  /// a hop, so every moment of the recording has its rows.
  bool read_moment(const affect::LabelSpace& task, const affect::ModelOutput& output, int64_t row,
                   Decision& decision) const {
    const auto& value_BTC = output.value_BTC.at(task.task);
    const auto covered_T = output.covered_BT.at(task.task)[row];
    // The window begins at most half its length before the decision; row t is t / rate_hz behind its start.
    const double middle_s = std::min(0.5 * reach_s(), decision.t.seconds());
    const auto num_rows = value_BTC.size(1);
    const auto row_at = [&](double seconds) {
      return std::clamp<int64_t>(std::llround(seconds * task.traits.rate_hz), 0, num_rows - 1);
    };
    const int64_t first = row_at(middle_s - 0.5 * config_.hop_s);
    const int64_t count = row_at(middle_s + 0.5 * config_.hop_s) - first + 1;
    auto here_T = covered_T.narrow(0, first, count);
    auto rows_TC = value_BTC[row].narrow(0, first, count).to(at::kFloat);
    if (!here_T.any().item<bool>()) {
      here_T = covered_T;
      rows_TC = value_BTC[row].to(at::kFloat);
    }
    const auto mean_C = rows_TC.index({here_T}).mean(0).contiguous();
    decision.value[task.task].assign(mean_C.data_ptr<float>(), mean_C.data_ptr<float>() + mean_C.numel());
    return at::isfinite(mean_C).all().item<bool>();
  }

  affect::ModalityBatch collate(const std::string& modality) const {
    const auto batch_size = static_cast<int64_t>(pending_.size());
    std::vector<int64_t> shape = bundle_.info.inputs.at(modality).frame;
    int64_t longest = 1;
    for (const auto& item : pending_) {
      const auto found = item.inputs.find(modality);
      if (found != item.inputs.end() && found->second.values.defined()) {
        longest = std::max(longest, found->second.values.size(0));
      }
    }
    shape.insert(shape.begin(), {batch_size, longest});
    const bool is_image = bundle_.info.inputs.at(modality).is_image();
    affect::ModalityBatch made;
    made.x = at::zeros(shape, is_image ? at::kByte : at::kFloat);
    made.mask_BT = at::zeros({batch_size, longest}, at::kBool);
    made.present_B = at::zeros({batch_size}, at::kBool);
    made.start_s_B = at::zeros({batch_size}, at::kDouble);
    made.rate_hz_B = at::zeros({batch_size}, at::kDouble);
    for (int64_t i = 0; i < batch_size; ++i) {
      const auto& item = pending_[static_cast<size_t>(i)];
      const auto present = item.decision.present.find(modality);
      if (present == item.decision.present.end() || !present->second) continue;
      const auto& stream = item.inputs.at(modality);
      const int64_t num_frames = stream.values.size(0);
      made.x[i].narrow(0, 0, num_frames).copy_(stream.values);
      made.mask_BT[i].narrow(0, 0, num_frames).copy_(stream.valid_T);
      made.present_B[i] = true;
      // Of the longest window, which all of a decision's windows share the middle of.
      const Timestamp start =
          std::max(Timestamp{0}, item.decision.t - half(Timestamp::from_seconds(reach_s())));
      made.start_s_B[i] = (stream.t0 - start).seconds();
      made.rate_hz_B[i] = stream.rate_hz;
    }
    return made;
  }

  /// Averages probabilities of one person over smoothing_s, and drops persons that never became sure.
  void smooth() {
    auto& decisions = result_.decisions;
    decisions.erase(std::remove_if(decisions.begin(), decisions.end(),
                                   [&](const Decision& d) {
                                     return d.person != kNobody && confirmed_.count(d.person) == 0;
                                   }),
                    decisions.end());
    std::stable_sort(decisions.begin(), decisions.end(), [](const Decision& a, const Decision& b) {
      return a.person != b.person ? a.person < b.person : a.t < b.t;
    });
    const Timestamp reach = half(Timestamp::from_seconds(config_.smoothing_s));
    if (reach.ticks == 0) return;
    const std::vector<Decision> sharp = decisions;
    size_t first = 0;
    for (size_t i = 0; i < sharp.size(); ++i) {
      while (sharp[first].person != sharp[i].person || sharp[first].t < sharp[i].t - reach) ++first;
      size_t last = i + 1;
      while (last < sharp.size() && sharp[last].person == sharp[i].person &&
             sharp[last].t <= sharp[i].t + reach)
        ++last;
      for (const auto part : {&Decision::probability, &Decision::value, &Decision::deviation}) {
        for (auto& [task, mean] : decisions[i].*part) {
          std::fill(mean.begin(), mean.end(), 0.0f);
          for (size_t j = first; j < last; ++j) {
            const auto& p = (sharp[j].*part).at(task);
            for (size_t c = 0; c < mean.size(); ++c) mean[c] += p[c];
          }
          for (auto& value : mean) value /= static_cast<float>(last - first);
        }
      }
    }
  }

  /// Index of the person's decision nearest to `t`, not farther than the decisions are apart; -1 without one.
  int64_t decision_near(Timestamp t, int64_t person) const {
    const auto& decisions = result_.decisions;
    const auto after =
        std::lower_bound(decisions.begin(), decisions.end(), std::make_pair(person, t),
                         [](const Decision& d, const std::pair<int64_t, Timestamp>& key) {
                           return d.person != key.first ? d.person < key.first : d.t < key.second;
                         });
    const Timestamp reach =
        looks_at_windows() ? Timestamp::from_seconds(config_.hop_s) : Timestamp{2 * analysis_step_.ticks};
    int64_t best = -1;
    int64_t best_distance = reach.ticks;
    for (const auto it : {after, after == decisions.begin() ? after : std::prev(after)}) {
      if (it == decisions.end() || it->person != person) continue;
      const int64_t distance = std::abs((it->t - t).ticks);
      if (distance <= best_distance) {
        best_distance = distance;
        best = it - decisions.begin();
      }
    }
    return best;
  }

  /// Gives every frame its persons and decisions.
  void connect() {
    size_t at = 0;
    std::map<int64_t, PersonSummary> people;
    for (auto& frame : result_.frames) {
      while (at + 1 < analysed_.size() && analysed_[at + 1].pts <= frame.pts) ++at;
      if (!analysed_.empty()) frame.people = people_at(frame.pts, at);
      for (auto& person : frame.people) {
        person.decision = decision_near(frame.pts, person.person);
        auto& summary =
            people.try_emplace(person.person, PersonSummary{person.person, frame.pts, frame.pts, 0, 0})
                .first->second;
        summary.last = frame.pts;
        ++summary.num_frames;
        summary.prominence += person.box.area();
      }
      frame.decision = decision_near(frame.pts, kNobody);
    }
    for (const auto& [id, summary] : people) result_.people.push_back(summary);
    std::stable_sort(result_.people.begin(), result_.people.end(),
                     [](const auto& a, const auto& b) { return a.prominence > b.prominence; });
    std::map<int64_t, size_t> rank;
    for (size_t i = 0; i < result_.people.size(); ++i) rank[result_.people[i].person] = i;
    for (auto& frame : result_.frames) {
      std::sort(frame.people.begin(), frame.people.end(),
                [&](const auto& a, const auto& b) { return rank.at(a.person) < rank.at(b.person); });
    }
  }

  /// Persons of a frame between analysed frames `at` and `at` + 1: boxes are interpolated; who is in one of
  /// them only is there in the nearer half.
  std::vector<PersonInFrame> people_at(Timestamp t, size_t at) const {
    const AnalysedFrame& before = analysed_[at];
    const AnalysedFrame* after = at + 1 < analysed_.size() ? &analysed_[at + 1] : nullptr;
    const double span = after == nullptr ? 0.0 : static_cast<double>((after->pts - before.pts).ticks);
    const double share =
        span > 0 ? std::clamp(static_cast<double>((t - before.pts).ticks) / span, 0.0, 1.0) : 0.0;
    std::vector<PersonInFrame> people;
    for (const auto& track : before.tracks) {
      if (confirmed_.count(track.id) == 0) continue;
      PersonInFrame person{track.id, track.face.box, track.face.score, -1};
      const vision::FaceTrack* next = find_track(after, track.id);
      if (next != nullptr) {
        person.box = blend(track.face.box, next->face.box, static_cast<float>(share));
      } else if (share > 0.5) {
        continue;
      }
      people.push_back(person);
    }
    if (after != nullptr && share > 0.5) {
      for (const auto& track : after->tracks) {
        if (confirmed_.count(track.id) == 0 || find_track(&before, track.id) != nullptr) continue;
        people.push_back({track.id, track.face.box, track.face.score, -1});
      }
    }
    return people;
  }

  static const vision::FaceTrack* find_track(const AnalysedFrame* frame, int64_t id) {
    if (frame == nullptr) return nullptr;
    const auto found =
        std::find_if(frame->tracks.begin(), frame->tracks.end(), [&](const auto& t) { return t.id == id; });
    return found == frame->tracks.end() ? nullptr : &*found;
  }
  static vision::Box blend(const vision::Box& a, const vision::Box& b, float share) {
    const auto mix = [share](float x, float y) { return x + share * (y - x); };
    return {mix(a.x, b.x), mix(a.y, b.y), mix(a.width, b.width), mix(a.height, b.height)};
  }

  struct Pending {
    Decision decision;
    std::map<std::string, affect::Stream> inputs;
  };

  const std::string path_;
  const model::Bundle& bundle_;
  const InferenceConfig& config_;
  features::FeatureExtractor extractor_;
  bool sees_ = false;
  std::unique_ptr<vision::FaceDetector> detector_;
  std::unique_ptr<vision::FaceCropper> cropper_;
  vision::FaceTracker tracker_;
  std::vector<std::string> hearing_;
  int64_t sound_rate_hz_ = 0;
  std::unique_ptr<SoundWindow> sound_;
  double face_rate_hz_ = 0.0;  ///< of a window model's frames; 0 = stills
  Timestamp analysis_step_;
  Timestamp next_decision_;
  std::vector<AnalysedFrame> analysed_;
  std::set<int64_t> confirmed_;
  std::map<int64_t, std::deque<Crop>> crops_;
  std::vector<Pending> pending_;
  Analysis result_;
};

}  // namespace

std::map<std::string, size_t> winning_classes(const Analysis& analysis, const model::BundleInfo& model,
                                              const std::map<std::string, std::vector<float>>& probability) {
  std::map<std::string, size_t> winners;
  if (analysis.constraints == nullptr) {
    for (const auto& task : tasks_with_classes(model)) {
      const auto& p = probability.at(task.task);
      winners[task.task] = static_cast<size_t>(std::max_element(p.begin(), p.end()) - p.begin());
    }
    return winners;
  }
  std::vector<std::vector<double>> by_task;
  const auto tasks = tasks_with_classes(model);
  for (const auto& task : tasks) {
    const auto& p = probability.at(task.task);
    by_task.emplace_back(p.begin(), p.end());
  }
  const auto choice = analysis.constraints->decode(by_task);
  for (size_t t = 0; t < tasks.size(); ++t) winners[tasks[t].task] = static_cast<size_t>(choice.classes[t]);
  return winners;
}

Analysis analyse(const std::string& path, const model::Bundle& bundle, const InferenceConfig& config) {
  return Pass(path, bundle, config).run();
}

}  // namespace limbic::stream
