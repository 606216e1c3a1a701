#include "store/index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "limbic/core/hash.h"
#include "limbic/core/rng.h"
#include "limbic/data/check.h"
#include "limbic/formats/safetensors.h"
#include "store/plain_line.h"
#include "support/paths.h"
#include "synthetic_store.h"

namespace limbic::data {
namespace {

using ::testing::HasSubstr;
using testing::synthetic_info;
using testing::synthetic_sample;
using testing::synthetic_streams;
using testing::write_synthetic;

/// Samples whose texts are anything but plain.
Sample odd_sample(int64_t i) {
  Sample sample = synthetic_sample(i);
  sample.id = fmt::format("\u00fc \"{}\" \\{}", i, i % 2 == 0 ? "a" : "b");
  sample.attributes = {{"transcript", "line\nbreak \t \u4f60\u597d"}, {"\u03b1", ""}};
  sample.dialogue = "d" + std::to_string(i / 3);
  sample.turn = i % 3;
  sample.source_path = "a/b c/" + std::to_string(i) + ".wav";
  sample.source_sha256 = std::string(64, 'a');
  return sample;
}

void write_odd(const std::string& path, int64_t num_samples) {
  StoreWriter writer(path, synthetic_info());
  for (int64_t i = 0; i < num_samples; ++i)
    writer.add(i % 2 == 0 ? odd_sample(i) : synthetic_sample(i), synthetic_streams(i));
  writer.finish();
}

/// Everything a table says, through every way to ask it.
std::string spoken(const SampleTable& table) {
  std::string text;
  for (const auto& sample : table) text += manifest_line(sample) + "\n";
  for (int64_t i = 0; i < table.size(); ++i) {
    for (int f = 0; f < kNumSampleFields; ++f) {
      const auto field = static_cast<SampleField>(f);
      text += std::string(table.text(field, i)) + std::to_string(table.code(field, i) == 0);
    }
    for (const auto& task : table.tasks()) text += table.label(task, i);
    for (const auto& name : table.value_names()) text += std::to_string(table.value(name, i));
    for (const auto& name : table.stream_names())
      if (table.has_stream(name, i)) text += table.stream(name, i).tensor;
    text += std::to_string(table.find(table.id(i)) == i);
  }
  return text;
}

/// What a flipped, cut or spliced text looks like.
std::string mutated(std::string bytes, core::Rng& rng) {
  const auto place = [&] { return static_cast<size_t>(rng.next() % (bytes.size() + 1)); };
  for (uint64_t n = rng.next() % 3 + 1; n > 0 && !bytes.empty(); --n) {
    switch (rng.next() % 5) {
      case 0:
        bytes[place() % bytes.size()] ^= static_cast<char>(1u << (rng.next() % 8));
        break;
      case 1:
        bytes.resize(place());
        break;
      case 2: {
        const size_t from = place();
        bytes.insert(place(), bytes.substr(from, rng.next() % 40));
        break;
      }
      case 3:
        bytes.erase(place() % bytes.size(), rng.next() % 12 + 1);
        break;
      default: {
        static constexpr std::array<const char*, 14> kBits{"\"", "\\", "{", "}",    ":",  ",",  "[",
                                                           "-",  "0",  ".", "null", "1e", "\n", "\\u0000"};
        bytes.insert(place(), kBits[rng.next() % kBits.size()]);
      }
    }
  }
  return bytes;
}

TEST(StoreIndex, SaysWhatTheManifestSays) {
  const test::TempDir dir;
  write_odd(dir / "store", 40);
  const auto fast = Store::open(dir / "store");
  std::filesystem::remove(dir / "store/index.safetensors");
  const auto slow = Store::open(dir / "store");
  EXPECT_EQ(spoken(fast->samples()), spoken(slow->samples()));
  EXPECT_EQ(fast->content_hash(), slow->content_hash());
  for (int64_t i = 0; i < 40; ++i) {
    const auto id = std::string(slow->samples().id(i));
    EXPECT_EQ(id, i % 2 == 0 ? odd_sample(i).id : synthetic_sample(i).id);
    EXPECT_EQ(fast->index_of(id), i);
  }
}

TEST(StoreIndex, CodesCompareAsTheirTexts) {
  const test::TempDir dir;
  write_odd(dir / "store", 40);
  const auto store = Store::open(dir / "store");
  const auto& samples = store->samples();
  for (int64_t i = 1; i < samples.size(); ++i) {
    EXPECT_EQ(samples.code(SampleField::kId, i - 1) < samples.code(SampleField::kId, i),
              samples.id(i - 1) < samples.id(i));
  }
  EXPECT_EQ(samples.code(SampleField::kSession, 0), 0);
}

TEST(StoreIndex, CountsOnlyBesideTheFilesItWasMadeOf) {
  const test::TempDir dir;
  const std::string path = dir / "store";
  write_synthetic(path, 5);
  const auto reason = [&] {
    const auto store = Store::open(path);
    const std::string info_text = core::read_file(path + "/dataset.yaml");
    IndexFacts facts;
    std::string why;
    read_index(path, store->info(), core::sha256_hex(info_text), facts, why);
    return why;
  };
  EXPECT_EQ(reason(), "");
  const std::string manifest = core::read_file(path + "/manifest.jsonl");
  std::string relabelled = manifest;
  relabelled.replace(relabelled.find("happy"), 5, "angry");
  std::ofstream(path + "/manifest.jsonl") << relabelled;
  EXPECT_EQ(Store::open(path)->samples().label("emotion", 0), "angry");
  EXPECT_THAT(reason(), HasSubstr("manifest.jsonl is another"));
  std::ofstream(path + "/manifest.jsonl") << manifest;
  EXPECT_EQ(reason(), "");
  std::ofstream(path + "/dataset.yaml", std::ios::app) << "# a remark\n";
  EXPECT_THAT(reason(), HasSubstr("dataset.yaml is another"));
  std::ofstream(path + "/index.safetensors") << "rubbish";
  EXPECT_EQ(Store::open(path)->size(), 5);
  const auto report = check_store(path);
  EXPECT_TRUE(report.ok());
  EXPECT_THAT(render_text(report), HasSubstr("index.safetensors"));
}

TEST(StoreIndex, AForgedOneIsFoundByTheCheck) {
  const test::TempDir dir;
  const std::string path = dir / "store";
  write_synthetic(path, 5);
  const std::string index = path + "/" + kIndexFile;
  auto contents = formats::read_safetensors(index, {true});
  auto& labels = contents.tensors.at("labels/emotion");
  labels[0] = labels[1];
  formats::write_safetensors(index, contents.tensors, contents.metadata);
  EXPECT_THAT(render_text(check_store(path)), HasSubstr("says something else than manifest.jsonl"));
}

/// A folder in memory, where there is one: every index that is written is synced, and there are a thousand.
class MemoryDir {
 public:
  MemoryDir() {
    std::string pattern = "/dev/shm/limbic-test-XXXXXX";
    if (mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~MemoryDir() {
    std::error_code ec;
    if (!path_.empty()) std::filesystem::remove_all(path_, ec);
  }
  std::string operator/(const std::string& name) const {
    return path_.empty() ? fallback_ / name : path_ + "/" + name;
  }

 private:
  test::TempDir fallback_;
  std::string path_;
};

TEST(StoreIndex, TwoThousandMutantsOpenAsTheManifestOrAsASoundTable) {
  const MemoryDir dir;
  const std::string path = dir / "store";
  write_odd(path, 12);
  const std::string index = path + "/" + kIndexFile;
  const std::string bytes = core::read_file(index);
  const auto contents = formats::read_safetensors(index, {true});
  const std::string truth = spoken(Store::open(path)->samples());
  std::vector<std::string> names;
  for (const auto& [name, tensor] : contents.tensors) names.push_back(name);
  core::Rng rng(7);
  int64_t num_accepted = 0;
  for (int round = 0; round < 2000; ++round) {
    const bool has_checksums = round % 2 == 0;
    if (has_checksums) {
      // Bytes that pass every checksum, since whoever changed them wrote the sums anew.
      auto tensors = contents.tensors;
      auto metadata = contents.metadata;
      const auto& name = names[rng.next() % names.size()];
      auto tensor = tensors.at(name).clone();
      if (tensor.nbytes() > 0 && round % 8 != 0) {
        auto* data = static_cast<uint8_t*>(tensor.data_ptr());
        for (uint64_t n = rng.next() % 3 + 1; n > 0; --n)
          data[rng.next() % tensor.nbytes()] = static_cast<uint8_t>(rng.next());
        tensors[name] = tensor;
      } else if (round % 16 == 0) {
        tensors[name] = tensor.slice(0, 0, tensor.size(0) / 2);
      } else {
        auto at = metadata.begin();
        std::advance(at, static_cast<int64_t>(rng.next() % metadata.size()));
        at->second = mutated(at->second, rng);
      }
      try {
        formats::write_safetensors(index, tensors, metadata);
      } catch (const Error&) {
        continue;  // metadata that is not UTF-8
      }
    } else {
      std::ofstream(index, std::ios::binary) << mutated(bytes, rng);
    }
    try {
      const auto store = Store::open(path);
      const std::string said = spoken(store->samples());
      if (!has_checksums) {
        EXPECT_EQ(said, truth) << round;
      }
      for (int64_t i = 0; i < store->size(); ++i) {
        for (const auto& stream : store->samples().stream_names()) {
          if (!store->samples().has_stream(stream, i)) continue;
          try {
            store->read_stream(i, stream);
          } catch (const Error& e) {
            EXPECT_EQ(e.code(), ErrorCode::kData);
          }
        }
      }
      num_accepted += said != truth ? 1 : 0;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kData) << e.what();
    }
  }
  EXPECT_GT(num_accepted, 0);  // else the bounds were never put to the test
}

TEST(Manifest, TwoThousandMutantsOfALineReadAlikeOnBothWays) {
  const DatasetInfo info = synthetic_info();
  core::Rng rng(11);
  int64_t num_plain = 0;
  int64_t num_careful = 0;
  for (int round = 0; round < 2000; ++round) {
    Sample original = round % 3 == 0 ? odd_sample(round) : synthetic_sample(round);
    StreamRef ref;
    ref.shard = "00000.safetensors";
    ref.tensor = original.id + "/eda";
    ref.num_frames = 7;
    ref.rate_hz = 4;
    ref.crc32 = static_cast<uint32_t>(round);
    original.streams["eda"] = ref;
    const std::string line = round % 8 == 0 ? manifest_line(original) : mutated(manifest_line(original), rng);
    Sample plain;
    std::vector<TextSpan> shards;
    const bool is_plain = parse_plain_line(line, info, plain, shards);
    std::string careful;
    try {
      careful = manifest_line(parse_sample(line, info));
      ++num_careful;
    } catch (const LineError& e) {
      careful = "refused: " + e.message;
    }
    if (!is_plain) continue;
    ++num_plain;
    EXPECT_EQ(manifest_line(plain), careful) << line;
    for (const auto& [begin, end] : shards)
      EXPECT_EQ(line.substr(begin, end - begin), plain.streams.at("eda").shard);
  }
  EXPECT_GT(num_plain, 100);
  EXPECT_GT(num_careful, num_plain);
}

TEST(Store, AShardIsLookedAtWhenItIsFirstTouched) {
  const test::TempDir dir;
  write_synthetic(dir / "store", 6);
  write_synthetic(dir / "other", 6);
  const std::string shard = dir / "store/shards/00000.safetensors";
  // The same names and sizes, other values.
  auto contents = formats::read_safetensors(shard);
  contents.tensors.at("s000/eda").add_(1.0);
  formats::SafetensorsWriter writer(shard);
  for (const auto& [name, tensor] : contents.tensors) writer.add(name, tensor);
  writer.finish();
  std::filesystem::resize_file(dir / "other/shards/00000.safetensors", 100);
  EXPECT_THAT(test::error_of([&] { Store::open(dir / "other"); }, ErrorCode::kData),
              HasSubstr("100 bytes; expected"));
  const auto store = Store::open(dir / "store");
  std::vector<std::thread> threads;
  std::atomic<int> num_errors{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int64_t i = 0; i < 6; ++i) store->read(i, "audio_wave");
      try {
        store->read(0, "eda");
      } catch (const Error& e) {
        num_errors += std::string(e.what()).find(
                          "sample 's000': streams.eda: shards/00000.safetensors holds "
                          "another 's000/eda'") != std::string::npos;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(num_errors, 4);
}

TEST(Store, ReadsTheSchemaBeforeAndRefusesTheNext) {
  const test::TempDir dir;
  const std::string path = dir / "store";
  write_synthetic(path, 5);
  const std::string info = core::read_file(path + "/dataset.yaml");
  const auto with_schema = [&](const std::string& version) {
    std::string text = info;
    const std::string key = "schema_version: ";
    text.replace(text.find(key) + key.size(), 1, version);
    std::ofstream(path + "/dataset.yaml") << text;
  };
  with_schema("1");
  std::filesystem::remove(path + "/index.safetensors");
  EXPECT_EQ(Store::open(path)->size(), 5);
  with_schema("3");
  EXPECT_THAT(test::error_of([&] { Store::open(path); }, ErrorCode::kData),
              HasSubstr("schema_version 3; this limbic reads 1 to 2: import the corpus again"));
}

}  // namespace
}  // namespace limbic::data
