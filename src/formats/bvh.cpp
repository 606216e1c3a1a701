#include "limbic/formats/bvh.h"

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <cmath>
#include <string_view>

#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"

namespace limbic::formats {
namespace {

constexpr size_t kMaxJoints = 1000;
constexpr int kMaxBvhDepth = 200;
constexpr uint64_t kMaxBvhBytes = UINT64_C(2) << 30;

/// Words of a file, with their lines.
class BvhWords {
 public:
  BvhWords(const std::string& text, const std::string& path) : text_(text), path_(path) {}

  /// The next word, empty at the end.
  std::string_view next() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) {
      if (text_[at_] == '\n') ++line_;
      ++at_;
    }
    const size_t begin = at_;
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) == 0) ++at_;
    return std::string_view(text_).substr(begin, at_ - begin);
  }
  void expect(std::string_view word) {
    if (const auto got = next(); got != word) fail(fmt::format("'{}'; expected '{}'", shown(got), word));
  }
  double real() {
    const auto word = next();
    double value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size() || !std::isfinite(value))
      fail(fmt::format("'{}'; expected a number", shown(word)));
    return value;
  }
  size_t count(size_t high) {
    const double value = real();
    if (value < 0 || value > static_cast<double>(high) || value != std::floor(value))
      fail(fmt::format("{}; expected a whole number up to {}", value, high));
    return static_cast<size_t>(value);
  }
  size_t num_left() const { return text_.size() - at_; }
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorCode::kData, fmt::format("{}:{}: {}", path_, line_, what));
  }
  static std::string shown(std::string_view word) {
    return word.empty() ? "the end of the file" : std::string(word.substr(0, 40));
  }

 private:
  const std::string& text_;
  const std::string& path_;
  size_t at_ = 0;
  int64_t line_ = 1;
};

char channel_code(BvhWords& words) {
  const std::string_view word = words.next();
  for (const auto& [name, code] :
       {std::pair{"Xposition", 'X'}, std::pair{"Yposition", 'Y'}, std::pair{"Zposition", 'Z'},
        std::pair{"Xrotation", 'x'}, std::pair{"Yrotation", 'y'}, std::pair{"Zrotation", 'z'}}) {
    if (word == name) return code;
  }
  words.fail(
      fmt::format("channel '{}' is unknown; expected {{X,Y,Z}}{{position,rotation}}", BvhWords::shown(word)));
}

void read_joint(BvhWords& words, BvhMotion& motion, std::string name, int parent, int depth) {
  if (motion.joints.size() >= kMaxJoints || depth > kMaxBvhDepth)
    words.fail(fmt::format("more than {} joints or {} levels", kMaxJoints, kMaxBvhDepth));
  const auto joint_idx = static_cast<int>(motion.joints.size());
  motion.joints.emplace_back();
  motion.joints.back().name = std::move(name);
  motion.joints.back().parent = parent;
  const auto joint = [&]() -> BvhJoint& { return motion.joints[static_cast<size_t>(joint_idx)]; };
  words.expect("{");
  while (true) {
    const std::string word(words.next());
    if (word == "}") return;
    if (word == "OFFSET") {
      for (auto& v : joint().offset) v = words.real();
    } else if (word == "CHANNELS") {
      if (!joint().channels.empty()) words.fail("a second CHANNELS of one joint");
      const size_t num = words.count(6);
      joint().first_channel = motion.num_channels;
      for (size_t i = 0; i < num; ++i) {
        const char code = channel_code(words);
        joint().channels += code;
      }
      motion.num_channels += num;
    } else if (word == "JOINT") {
      read_joint(words, motion, std::string(words.next()), joint_idx, depth + 1);
    } else if (word == "End") {
      words.expect("Site");
      read_joint(words, motion, joint().name + "_end", joint_idx, depth + 1);
    } else {
      words.fail(
          fmt::format("'{}'; expected OFFSET, CHANNELS, JOINT, End Site or }}", BvhWords::shown(word)));
    }
  }
}

using Matrix3 = std::array<double, 9>;

Matrix3 product(const Matrix3& a, const Matrix3& b) {
  Matrix3 out{};
  for (size_t i = 0; i < 3; ++i)
    for (size_t j = 0; j < 3; ++j)
      for (size_t k = 0; k < 3; ++k) out[3 * i + j] += a[3 * i + k] * b[3 * k + j];
  return out;
}

Matrix3 rotation_about(char axis, double degrees) {
  const double angle = degrees * (M_PI / 180.0);
  const double c = std::cos(angle);
  const double s = std::sin(angle);
  if (axis == 'x') return {1, 0, 0, 0, c, -s, 0, s, c};
  if (axis == 'y') return {c, 0, s, 0, 1, 0, -s, 0, c};
  return {c, -s, 0, s, c, 0, 0, 0, 1};
}

}  // namespace

BvhMotion read_bvh(const std::string& path) {
  const std::string text = core::read_file(path, kMaxBvhBytes);
  BvhWords words(text, path);
  BvhMotion motion;
  words.expect("HIERARCHY");
  std::string_view word = words.next();
  while (word == "ROOT") {
    read_joint(words, motion, std::string(words.next()), -1, 0);
    word = words.next();
  }
  if (motion.joints.empty()) words.fail("no ROOT");
  if (word != "MOTION") words.fail(fmt::format("'{}'; expected MOTION", BvhWords::shown(word)));
  words.expect("Frames:");
  const size_t num_frames = words.count(size_t{1} << 32);
  words.expect("Frame");
  words.expect("Time:");
  motion.frame_time_s = words.real();
  if (motion.frame_time_s <= 0) words.fail("frame time; expected more than 0 seconds");
  if (motion.num_channels == 0) words.fail("the skeleton has no channels");
  // Two bytes a number at least: what is left bounds what can be there.
  if (num_frames > words.num_left() / motion.num_channels)
    words.fail(fmt::format("{} frames of {} channels do not fit the file", num_frames, motion.num_channels));
  motion.values_TC.reserve(num_frames * motion.num_channels);
  for (size_t i = 0; i < num_frames * motion.num_channels; ++i) motion.values_TC.push_back(words.real());
  if (const auto rest = words.next(); !rest.empty())
    words.fail(fmt::format("'{}' after the last of {} frames", BvhWords::shown(rest), num_frames));
  return motion;
}

std::vector<double> BvhMotion::positions_TJ3() const {
  std::vector<double> out;
  out.reserve(num_frames() * joints.size() * 3);
  std::vector<Matrix3> turn(joints.size());
  std::vector<std::array<double, 3>> place(joints.size());
  for (size_t t = 0; t < num_frames(); ++t) {
    const double* values = values_TC.data() + t * num_channels;
    for (size_t j = 0; j < joints.size(); ++j) {
      const BvhJoint& joint = joints[j];
      std::array<double, 3> offset = joint.offset;
      Matrix3 own{1, 0, 0, 0, 1, 0, 0, 0, 1};
      for (size_t c = 0; c < joint.channels.size(); ++c) {
        const char code = joint.channels[c];
        const double value = values[joint.first_channel + c];
        if (code >= 'X' && code <= 'Z') {
          offset[static_cast<size_t>(code - 'X')] += value;
        } else {
          own = product(own, rotation_about(code, value));
        }
      }
      if (joint.parent < 0) {
        place[j] = offset;
        turn[j] = own;
      } else {
        const auto p = static_cast<size_t>(joint.parent);
        for (size_t i = 0; i < 3; ++i) {
          place[j][i] = place[p][i];
          for (size_t k = 0; k < 3; ++k) place[j][i] += turn[p][3 * i + k] * offset[k];
        }
        turn[j] = product(turn[p], own);
      }
      out.insert(out.end(), place[j].begin(), place[j].end());
    }
  }
  return out;
}

}  // namespace limbic::formats
