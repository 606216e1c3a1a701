#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "limbic/eval/predict.h"
#include "limbic/eval/report.h"

namespace limbic::train {

/// The test part after every epoch, apart from everything that trains or selects: RUN/eval/oracle.json (all
/// epochs) and RUN/eval/oracle/ (metrics and predictions of the epoch that is best *on the test part*). Much
/// of the literature reports that epoch; it is the best of as many tries as there are epochs, so it is no
/// estimate of anything. It is here to be compared with such papers, beside the clean result and never in its
/// place.
class OracleRecord {
 public:
  /// @param metric  of the first task, as for early stopping
  OracleRecord(std::string run, std::string task, std::string metric);
  ~OracleRecord();
  OracleRecord(const OracleRecord&) = delete;
  OracleRecord& operator=(const OracleRecord&) = delete;

  /// Takes up what an earlier process wrote, up to `epoch`.
  void restore(int64_t epoch);
  /// @param epoch  1-based
  void add(int64_t epoch, int64_t step, const std::map<std::string, eval::TaskPredictions>& test,
           const eval::ResultNotes& notes);
  /// An epoch each, for results.csv: {epoch, step, selection: "oracle", test/<task>/<metric>...}
  const std::vector<nlohmann::json>& rows() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace limbic::train
