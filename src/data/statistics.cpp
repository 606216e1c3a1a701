#include "limbic/data/statistics.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <mutex>
#include <thread>

#include "limbic/core/error.h"
#include "loader/targets.h"

namespace limbic::data {
namespace {

/// Sums of one sample; samples are added up in their order, so threads do not change a digit.
struct FeatureSums {
  std::vector<double> sum_F;
  std::vector<double> square_F;
  std::vector<int64_t> count_F;  ///< values of each feature
  int64_t num_frames = 0;
};

/// @param skip_missing  leaves NaN out
template <class T>
void add_values(const T* values, int64_t num_features, int64_t num_inner, bool skip_missing,
                FeatureSums& sums) {
  for (int64_t f = 0; f < num_features; ++f) {
    double sum = 0;
    double square = 0;
    int64_t count = num_inner;
    for (int64_t i = 0; i < num_inner; ++i) {
      const auto value = static_cast<double>(values[f * num_inner + i]);
      if (skip_missing && std::isnan(value)) {
        --count;
        continue;
      }
      sum += value;
      square += value * value;
    }
    sums.sum_F[static_cast<size_t>(f)] += sum;
    sums.square_F[static_cast<size_t>(f)] += square;
    sums.count_F[static_cast<size_t>(f)] += count;
  }
}

FeatureSums sums_of(const affect::Stream& stream, bool skip_missing) {
  FeatureSums sums;
  if (!stream.values.defined() || stream.values.size(0) == 0) return sums;
  const at::Tensor values = stream.values.contiguous();
  const at::Tensor valid_T = stream.valid_T.contiguous();
  const int64_t num_features = values.size(1);
  const int64_t frame_size = values.numel() / values.size(0);
  const int64_t num_inner = frame_size / num_features;
  sums.sum_F.resize(static_cast<size_t>(num_features), 0.0);
  sums.square_F.resize(static_cast<size_t>(num_features), 0.0);
  sums.count_F.resize(static_cast<size_t>(num_features), 0);
  for (int64_t t = 0; t < values.size(0); ++t) {
    if (!valid_T.data_ptr<bool>()[t]) continue;
    if (values.scalar_type() == at::kByte) {
      add_values(values.data_ptr<uint8_t>() + t * frame_size, num_features, num_inner, skip_missing, sums);
    } else {
      add_values(values.data_ptr<float>() + t * frame_size, num_features, num_inner, skip_missing, sums);
    }
    ++sums.num_frames;
  }
  return sums;
}

}  // namespace

std::map<std::string, InputStatistics> compute_input_statistics(const Loader& loader) {
  std::map<std::string, InputStatistics> result;
  const auto& indices = loader.input().indices;
  const auto& samples = loader.input().store->samples();
  for (const auto& entry : loader.input().features) {
    const std::string& modality = entry.first;
    const bool skip_missing = features::keeps_missing(entry.second);
    std::vector<FeatureSums> sums(indices.size());
    std::atomic<size_t> next{0};
    std::mutex mutex;
    std::exception_ptr failure;
    size_t failure_idx = indices.size();
    const auto work = [&] {
      for (size_t i = next++; i < indices.size(); i = next++) {
        try {
          sums[i] = sums_of(loader.features_of(indices[i], modality), skip_missing);
          for (const double square : sums[i].square_F) {
            if (!std::isfinite(square)) {
              throw Error(ErrorCode::kData, fmt::format("sample '{}': {}: a feature is not finite",
                                                        samples.id(indices[i]), modality));
            }
          }
        } catch (...) {
          const std::lock_guard<std::mutex> lock(mutex);
          if (i < failure_idx) {
            failure_idx = i;
            failure = std::current_exception();
          }
          next = indices.size();
        }
      }
    };
    std::vector<std::thread> threads;
    for (int64_t i = 1; i < loader.config().num_workers; ++i) threads.emplace_back(work);
    work();
    for (auto& thread : threads) thread.join();
    if (failure != nullptr) std::rethrow_exception(failure);

    FeatureSums total;
    for (const auto& part : sums) {
      if (part.num_frames == 0) continue;
      total.sum_F.resize(part.sum_F.size(), 0.0);
      total.square_F.resize(part.square_F.size(), 0.0);
      total.count_F.resize(part.count_F.size(), 0);
      for (size_t f = 0; f < part.sum_F.size(); ++f) {
        total.sum_F[f] += part.sum_F[f];
        total.square_F[f] += part.square_F[f];
        total.count_F[f] += part.count_F[f];
      }
      total.num_frames += part.num_frames;
    }
    InputStatistics& statistics = result[modality];
    statistics.num_frames = total.num_frames;
    for (size_t f = 0; f < total.sum_F.size(); ++f) {
      const auto count = static_cast<double>(std::max<int64_t>(total.count_F[f], 1));
      const double mean = total.sum_F[f] / count;
      statistics.mean_F.push_back(mean);
      statistics.std_F.push_back(std::sqrt(std::max(0.0, total.square_F[f] / count - mean * mean)));
    }
  }
  return result;
}

std::map<std::string, std::vector<int64_t>> class_counts(const Store& store,
                                                         const std::vector<int64_t>& indices,
                                                         const std::vector<affect::LabelSpace>& tasks,
                                                         const std::map<std::string, TargetConfig>& targets,
                                                         const Supervisions& supervision) {
  const TargetTable table(store, indices, tasks, targets, supervision, /*is_first_reading=*/false);
  std::map<std::string, std::vector<int64_t>> counts;
  for (size_t t = 0; t < tasks.size(); ++t) counts[tasks[t].task] = table.counts(t, indices);
  return counts;
}

}  // namespace limbic::data
