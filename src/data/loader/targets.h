#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "limbic/affect/batch.h"
#include "limbic/affect/label_space.h"
#include "limbic/data/store.h"
#include "limbic/data/supervision.h"
#include "limbic/data/target_config.h"

namespace limbic::data {

/// What is known of samples for some tasks: labels and numbers in memory, streams read when they are asked
/// for. Thread-safe.
class TargetTable {
 public:
  static constexpr int32_t kUnknown = -1;

  /// @param indices  the samples that rows() will be asked for
  /// @param targets  by task; a task without one is of the store's labels
  /// @param supervisions  by task: what is left of the labels, Note [Levels of supervision]
  /// @param is_first_reading  warns of labels that a task does not know
  TargetTable(const Store& store, const std::vector<int64_t>& indices,
              const std::vector<affect::LabelSpace>& tasks,
              const std::map<std::string, TargetConfig>& targets, const Supervisions& supervisions = {},
              bool is_first_reading = true);

  const std::vector<affect::LabelSpace>& tasks() const { return tasks_; }
  bool has_framewise() const;
  /// Class of a sample; kUnknown, also where the task has no classes.
  int32_t class_of(size_t task, int64_t sample_idx) const;
  /// Whether anything is known of the target; of streams over time: whether there is one.
  bool is_known(size_t task, int64_t sample_idx) const;
  /// Whether somebody labelled the target, as far as its supervision says.
  bool is_labelled(size_t task, int64_t sample_idx) const;
  bool is_supervised(size_t task) const { return sources_[task].supervision != nullptr; }
  /// @param is_lost_B  rows whose target is unknown, whatever the store says
  affect::Targets rows(size_t task, const std::vector<int64_t>& samples_B,
                       const std::vector<bool>& is_lost_B) const;
  /// Samples per class, per label that holds, or per dimension that is known.
  std::vector<int64_t> counts(size_t task, const std::vector<int64_t>& indices) const;

 private:
  struct Source {
    std::vector<int32_t> class_of_row;  ///< by row of the store
    std::vector<float> value_of_row;    ///< (rows, C), NaN = unknown
    std::string stream;
    std::vector<int64_t> columns;  ///< of the stream
    std::shared_ptr<const TaskSupervision> supervision{};

    bool is_withheld(int64_t sample_idx) const {
      return supervision && supervision->levels[static_cast<size_t>(sample_idx)] == affect::kNoSupervision;
    }
  };
  Source read(const affect::LabelSpace& task, const TargetConfig* target,
              const std::vector<int64_t>& indices) const;
  void read_labels(const affect::LabelSpace& task, const std::string& label,
                   const std::vector<int64_t>& indices, std::vector<int32_t>& class_of_row) const;
  /// What Targets has of levels of supervision. @param is_lost_B  as in rows()
  void add_levels(const Source& source, const std::vector<int64_t>& samples_B,
                  const std::vector<bool>& is_lost_B, affect::Targets& targets) const;
  /// (T, C) on the task's clock, NaN = unknown; row t at t / rate_hz of the sample. Rate 0: one row, the
  /// mean.
  at::Tensor sampled(const Source& source, double rate_hz, int64_t sample_idx) const;

  const Store& store_;
  const bool is_first_reading_;
  std::vector<affect::LabelSpace> tasks_;
  std::vector<Source> sources_;
};

}  // namespace limbic::data
