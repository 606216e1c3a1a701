#include "limbic/data/loader_config.h"

#include <fmt/format.h>

#include <cmath>

namespace limbic::data {

void MixingConfig::validate(config::Checks& checks) const {
  checks.expect(temperature == 0 || (temperature >= 0.1 && temperature <= 1e6), "temperature",
                fmt::format("must be 0 (off) or in [0.1, 1e6], got {}", temperature));
  double sum = 0;
  for (const auto& [corpus, weight] : weights) {
    checks.expect(std::isfinite(weight) && weight >= 0, "weights",
                  fmt::format("{} must not be negative, got {}", corpus, weight));
    sum += weight;
  }
  checks.expect(weights.empty() || sum > 0, "weights", "at least one must be positive");
  checks.expect(weights.empty() || temperature == 0, "weights", "give weights or a temperature, not both");
}

void LoaderConfig::validate(config::Checks& checks) const {
  checks.expect(batch_size >= 1 && batch_size <= 65536, "batch_size",
                fmt::format("must be in [1, 65536], got {}", batch_size));
  checks.expect(num_workers >= 0 && num_workers <= 256, "num_workers",
                fmt::format("must be in [0, 256], got {}", num_workers));
  checks.expect(prefetch_batches >= 1 && prefetch_batches <= 1024, "prefetch_batches",
                fmt::format("must be in [1, 1024], got {}", prefetch_batches));
  for (const auto& [modality, frames] : max_frames) {
    checks.expect(frames >= 1, "max_frames", fmt::format("{} must be positive, got {}", modality, frames));
  }
  checks.expect(cache_mib >= 0, "cache_mib", fmt::format("must not be negative, got {}", cache_mib));
  const bool keeps_order = sampler == Sampler::kSequential || sampler == Sampler::kDialogue;
  checks.expect(bucket_batches == 0 || !keeps_order, "bucket_batches",
                "sorts by length, which the sampler forbids: use shuffle or balanced, or 0");
  checks.expect(bucket_batches <= 100000, "bucket_batches",
                fmt::format("must be in [0, 100000], got {}", bucket_batches));
  checks.expect(!mixing.is_on() || sampler == Sampler::kShuffle || sampler == Sampler::kDialogue, "mixing",
                "shares out shuffled samples or dialogues: use sampler shuffle or dialogue");
  checks.expect(
      labelled_per_batch == 0 ||
          (sampler == Sampler::kShuffle && !mixing.is_on() && bucket_batches == 0 && batch_frames == 0),
      "labelled_per_batch",
      "composes shuffled batches of batch_size samples: it goes with sampler shuffle, without mixing, "
      "bucket_batches and batch_frames");
  checks.expect(labelled_per_batch == 0 || batch_size > 1, "labelled_per_batch",
                "wants a batch_size above 1");
}

}  // namespace limbic::data
