#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "import/pipeline.h"
#include "limbic/core/error.h"
#include "limbic/core/utf8.h"
#include "limbic/media/audio.h"
#include "limbic/media/probe.h"
#include "limbic/media/video_reader.h"

namespace limbic::data {
namespace {

constexpr float kInt16Scale = 32768.0f;

/// The face that goes on from the last one; else the best.
const vision::Face* choose_face(const std::vector<vision::Face>& faces,
                                const std::optional<vision::Box>& last) {
  if (faces.empty()) return nullptr;
  const vision::Face* chosen = &faces.front();
  if (!last) return chosen;
  float best = 0.0f;
  for (const auto& face : faces) {
    const float overlap = vision::iou(face.box, *last);
    if (overlap > best) {
      best = overlap;
      chosen = &face;
    }
  }
  return chosen;
}

vision::ImageView view_of(const media::Image& image) {
  return {image.data.data(), image.width, image.height, image.channels,
          int64_t{image.width} * image.channels};
}

/// The crop of the face that is looked for in a part of a frame; undefined when there is none.
at::Tensor face_in_region(const media::VideoFrame& frame, const PictureRegion& region, ImportWorker& worker,
                          std::optional<vision::Box>& last) {
  const auto pixel = [](double share, int size) {
    return std::clamp(static_cast<int>(std::lround(share * size)), 0, size);
  };
  const int x = pixel(region.left, frame.width);
  const int y = pixel(region.top, frame.height);
  const int width = pixel(region.right, frame.width) - x;
  const int height = pixel(region.bottom, frame.height) - y;
  if (width <= 0 || height <= 0) return {};
  const int64_t offset = int64_t{y} * frame.width + x;
  const auto faces = worker.faces().detect({frame.gray() + offset, width, height, frame.width});
  const auto* face = choose_face(faces, last);
  if (face == nullptr) return {};
  last = face->box;
  const int64_t channels = worker.options().face_channels;
  const uint8_t* pixels = channels == 1 ? frame.gray() : frame.rgb();
  return worker.cropper().crop({pixels + offset * channels, width, height, channels, frame.width * channels},
                               *face);
}

}  // namespace

RawStream read_sound(const std::string& path) {
  media::AudioOptions options;
  options.sample_rate = kStoreSampleRate;
  const media::AudioBuffer audio = media::read_audio(path, options);
  if (audio.samples.empty()) throw Error(ErrorCode::kData, path + ": the sound has no samples");
  RawStream stream;
  stream.rate_hz = kStoreSampleRate;
  stream.t0 = audio.t0;
  stream.values = at::empty({static_cast<int64_t>(audio.samples.size())}, at::TensorOptions(at::kShort));
  auto* out = stream.values.data_ptr<int16_t>();
  for (size_t i = 0; i < audio.samples.size(); ++i) {
    // 16-bit files come back bit for bit.
    out[i] = static_cast<int16_t>(std::clamp(std::lrint(audio.samples[i] * kInt16Scale), -32768L, 32767L));
  }
  return stream;
}

bool has_sound(const std::string& path) {
  return media::probe(path).audio.has_value();
}

RawStream read_face_clip(const std::string& path, ImportWorker& worker) {
  return std::move(read_face_regions(path, {PictureRegion{}}, worker).front());
}

std::vector<RawStream> read_face_regions(const std::string& path, const std::vector<PictureRegion>& regions,
                                         ImportWorker& worker) {
  const auto& options = worker.options();
  const std::vector<int64_t> shape{options.face_channels, options.face_size, options.face_size};
  struct Person {
    std::vector<at::Tensor> crops;
    std::vector<char> valid;
    std::optional<vision::Box> last;
  };
  std::vector<Person> people(regions.size());
  media::VideoReader reader(path);
  media::VideoFrame frame;
  const auto next_time = [&] {
    return core::Timestamp::from_seconds(static_cast<double>(people.front().crops.size()) /
                                         options.face_rate_hz);
  };
  while (reader.next(frame)) {
    // A frame is shown from its time until the next one's: grid times before the first frame show nothing.
    const core::Timestamp frame_end = frame.pts + frame.duration;
    std::vector<at::Tensor> crops;
    const bool is_first = people.front().crops.empty();
    while (next_time() < frame_end) {
      const bool is_before = is_first && next_time() < frame.pts;
      if (!is_before && crops.empty()) {
        for (size_t p = 0; p < people.size(); ++p)
          crops.push_back(face_in_region(frame, regions[p], worker, people[p].last));
      }
      for (size_t p = 0; p < people.size(); ++p) {
        const bool is_seen = !is_before && crops[p].defined();
        people[p].crops.push_back(is_seen ? crops[p] : at::zeros(shape, at::TensorOptions(at::kByte)));
        people[p].valid.push_back(is_seen ? 1 : 0);
      }
    }
  }
  std::vector<RawStream> streams;
  for (const Person& person : people) {
    if (person.crops.empty()) throw Error(ErrorCode::kData, path + ": the video has no frames");
    RawStream& stream = streams.emplace_back();
    stream.rate_hz = options.face_rate_hz;
    stream.values = at::stack(person.crops);
    stream.valid_T = at::empty({static_cast<int64_t>(person.valid.size())}, at::TensorOptions(at::kBool));
    for (size_t t = 0; t < person.valid.size(); ++t)
      stream.valid_T.data_ptr<bool>()[t] = person.valid[t] != 0;
  }
  return streams;
}

RawStream read_face_image(const std::string& path, ImportWorker& worker) {
  RawStream stream = read_face_pictures({path}, 0.0, worker);
  if (!stream.valid_T.all().item<bool>()) {
    throw Error(ErrorCode::kData, path + ": no face found; find_faces: false takes whole pictures as faces");
  }
  return stream;
}

RawStream read_face_pictures(const std::vector<std::string>& paths, double rate_hz, ImportWorker& worker) {
  const auto& options = worker.options();
  RawStream stream;
  stream.rate_hz = rate_hz;
  stream.valid_T = at::ones({static_cast<int64_t>(paths.size())}, at::TensorOptions(at::kBool));
  std::vector<at::Tensor> crops;
  std::optional<vision::Box> last;
  for (size_t t = 0; t < paths.size(); ++t) {
    const media::Image image = media::read_image(paths[t]);
    if (!options.find_faces) {
      crops.push_back(worker.cropper().whole(view_of(image)));
      continue;
    }
    media::ImageOptions gray_options;
    gray_options.channels = media::Channels::kGray;
    const media::Image gray = image.channels == 1 ? image : media::read_image(paths[t], gray_options);
    const auto faces = worker.faces().detect({gray.data.data(), gray.width, gray.height, gray.width});
    if (const auto* face = choose_face(faces, last)) {
      last = face->box;
      crops.push_back(worker.cropper().crop(view_of(image), *face));
    } else {
      crops.push_back(at::zeros({options.face_channels, options.face_size, options.face_size},
                                at::TensorOptions(at::kByte)));
      stream.valid_T.data_ptr<bool>()[t] = false;
    }
  }
  stream.values = at::stack(crops);
  return stream;
}

RawStream read_face_at(const std::string& path, const std::optional<vision::Box>& box, ImportWorker& worker) {
  const media::Image image = media::read_image(path);
  RawStream stream;
  if (!box) {
    stream.values = worker.cropper().whole(view_of(image)).unsqueeze(0);
    return stream;
  }
  require(box->width > 0 && box->height > 0 && box->x < static_cast<float>(image.width) &&
              box->y < static_cast<float>(image.height) && box->x + box->width > 0 &&
              box->y + box->height > 0,
          ErrorCode::kData,
          fmt::format("{}: the face's box ({}, {}, {} x {}) lies outside the picture of {} x {}", path,
                      box->x, box->y, box->width, box->height, image.width, image.height));
  vision::Face face;
  face.box = *box;
  stream.values = worker.cropper().crop(view_of(image), face).unsqueeze(0);
  return stream;
}

RawStream cut_stream(const RawStream& stream, core::Timestamp start, core::Timestamp end) {
  const auto index_at = [&](core::Timestamp t) {
    const double position = (t - stream.t0).seconds() * stream.rate_hz;
    // A grid point that misses the border by rounding alone belongs to it.
    const auto index = static_cast<int64_t>(std::ceil(position - 1e-6));
    return std::clamp<int64_t>(index, 0, stream.values.size(0));
  };
  const int64_t first = index_at(start);
  const int64_t last = std::max(first, index_at(end));
  RawStream out = stream;
  out.values = stream.values.narrow(0, first, last - first);
  if (stream.valid_T.defined()) out.valid_T = stream.valid_T.narrow(0, first, last - first);
  out.t0 = stream.t0 + core::Timestamp::from_seconds(static_cast<double>(first) / stream.rate_hz);
  return out;
}

core::Timestamp length_of(const RawStream& stream) {
  if (stream.rate_hz <= 0) return {};
  return core::Timestamp::from_seconds(static_cast<double>(stream.values.size(0)) / stream.rate_hz);
}

bool is_complete(const RawStream& part, double length_s, double missing_share) {
  const double wanted = std::floor(length_s * part.rate_hz + 1e-6);
  int64_t num_there = part.values.size(0);
  if (part.values.scalar_type() == at::kFloat && part.values.dim() == 2 && num_there > 0)
    num_there = part.values.isnan().any(1).logical_not().sum().item<int64_t>();
  return num_there > 0 && static_cast<double>(num_there) >= (1 - missing_share) * wanted;
}

void add_media(const std::string& path, ImportWorker& worker, RawSample& raw) {
  switch (file_kind(path)) {
    case FileKind::kImage:
      raw.streams[stream_name::kFace] = read_face_image(path, worker);
      break;
    case FileKind::kAudio:
      raw.streams[stream_name::kAudioWave] = read_sound(path);
      break;
    case FileKind::kVideo:
      raw.streams[stream_name::kFace] = read_face_clip(path, worker);
      if (has_sound(path)) raw.streams[stream_name::kAudioWave] = read_sound(path);
      break;
    case FileKind::kOther:
      throw Error(ErrorCode::kInternal, path + ": no media file");
  }
  for (const auto& [stream, values] : raw.streams)
    raw.sample.duration = std::max(raw.sample.duration, values.t0 + length_of(values));
}

void declare_media(const std::vector<std::string>& files, const ImportOptions& options, DatasetInfo& info) {
  const auto has = [&](FileKind kind) {
    return std::any_of(files.begin(), files.end(), [&](const auto& file) { return file_kind(file) == kind; });
  };
  const bool has_video = has(FileKind::kVideo);
  if (has_video || has(FileKind::kAudio)) info.modalities[stream_name::kAudioWave] = wave_modality();
  if (!has_video && !has(FileKind::kImage)) return;
  info.modalities[stream_name::kFace] = face_modality(options, !has_video);
  info.options["face_size"] = std::to_string(options.face_size);
  info.options["face_channels"] = std::to_string(options.face_channels);
  if (has_video) info.options["face_rate_hz"] = fmt::format("{}", options.face_rate_hz);
  if (has(FileKind::kImage)) info.options["find_faces"] = options.find_faces ? "true" : "false";
}

RawModality wave_modality() {
  RawModality modality;
  modality.kind = "wave";
  modality.rate_hz = kStoreSampleRate;
  modality.unit = "1/32768 of full scale";
  return modality;
}

RawModality face_modality(const ImportOptions& options, bool is_still) {
  RawModality modality;
  modality.kind = "images";
  modality.rate_hz = is_still ? 0.0 : options.face_rate_hz;
  modality.unit = "grey or RGB, 0 to 255";
  modality.frame_shape = {options.face_channels, options.face_size, options.face_size};
  return modality;
}

RawModality text_modality() {
  RawModality modality;
  modality.kind = "text";
  modality.unit = "UTF-8";
  return modality;
}

RawModality series_modality(std::vector<std::string> columns, double rate_hz, const std::string& unit) {
  RawModality modality;
  modality.rate_hz = rate_hz;
  modality.unit = unit;
  modality.frame_shape = {static_cast<int64_t>(columns.size())};
  modality.columns = std::move(columns);
  return modality;
}

RawStream text_stream(std::string_view utf8) {
  require(core::is_utf8(utf8), ErrorCode::kData, "the transcript is not UTF-8");
  RawStream stream;
  stream.values = at::empty({static_cast<int64_t>(utf8.size())}, at::TensorOptions(at::kByte));
  std::copy(utf8.begin(), utf8.end(), stream.values.data_ptr<uint8_t>());
  return stream;
}

RawStream series_stream(const std::vector<double>& values_TF, size_t num_columns, double rate_hz,
                        core::Timestamp t0) {
  require(num_columns > 0 && values_TF.size() % num_columns == 0, ErrorCode::kInternal,
          "series_stream: values that do not fill their rows");
  RawStream stream;
  stream.rate_hz = rate_hz;
  stream.t0 = t0;
  stream.values =
      at::empty({static_cast<int64_t>(values_TF.size() / num_columns), static_cast<int64_t>(num_columns)},
                at::TensorOptions(at::kFloat));
  auto* out = stream.values.data_ptr<float>();
  for (size_t i = 0; i < values_TF.size(); ++i) out[i] = static_cast<float>(values_TF[i]);
  return stream;
}

}  // namespace limbic::data
