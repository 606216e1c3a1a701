#pragma once
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "limbic/core/rng.h"
#include "limbic/data/check.h"
#include "limbic/data/importer.h"
#include "limbic/media/audio.h"
#include "limbic/media/image.h"
#include "support/paths.h"

/// Files of corpora as their publishers lay them out, made here.
namespace limbic::data::testing {

inline void write_text(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

inline void write_tone(const std::string& path, double seconds, double hz) {
  media::AudioBuffer audio;
  audio.sample_rate = 16000;
  audio.samples.resize(static_cast<size_t>(16000 * seconds));
  for (size_t i = 0; i < audio.samples.size(); ++i) {
    audio.samples[i] = 0.5f * static_cast<float>(std::sin(2 * M_PI * hz * static_cast<double>(i) / 16000));
  }
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  media::write_wav(path, audio);
}

/// Grey noise: no face is in it.
inline void write_picture(const std::string& path, int side, uint64_t seed = 1) {
  media::Image image;
  image.width = side;
  image.height = side;
  image.channels = 1;
  core::Rng rng(seed);
  for (int i = 0; i < side * side; ++i) image.data.push_back(static_cast<uint8_t>(rng.below(256)));
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  media::write_png(path, image);
}

/// Imports, checks the store, and imports once more: not a byte may change.
inline std::shared_ptr<const Store> imported_twice(const std::string& kind, const std::string& source,
                                                   const std::string& out,
                                                   const ImportOptions& options = {}) {
  const auto report = import_corpus(kind, source, out, options);
  const auto checked = check_store(out);
  EXPECT_TRUE(checked.ok()) << render_text(checked);
  const auto manifest = out + "/manifest.jsonl";
  const auto time = std::filesystem::last_write_time(manifest);
  EXPECT_EQ(import_corpus(kind, source, out, options).content_hash, report.content_hash);
  EXPECT_EQ(std::filesystem::last_write_time(manifest), time);
  return Store::open(out);
}

/// The message of an import that ends as bad data.
inline std::string import_error(const std::string& kind, const std::string& source, const std::string& out,
                                const ImportOptions& options = {}) {
  return test::error_of([&] { import_corpus(kind, source, out, options); }, ErrorCode::kData);
}
/// The same where nobody looks for what is left behind.
inline std::string import_error(const std::string& kind, const std::string& source) {
  const test::TempDir dir;
  return import_error(kind, source, dir / "store");
}

/// The text of a sample's stream of kind "text".
inline std::string text_of(const Store& store, int64_t sample_idx, const std::string& stream = "text") {
  const auto bytes = store.read(sample_idx, stream);
  return {reinterpret_cast<const char*>(bytes.data_ptr<uint8_t>()), static_cast<size_t>(bytes.size(0))};
}

}  // namespace limbic::data::testing
