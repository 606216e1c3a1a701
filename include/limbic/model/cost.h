#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "limbic/affect/batch.h"
#include "limbic/model/multimodal.h"

namespace limbic::model {

/// What one part of a model costs.
struct PartCost {
  std::string name;  ///< "encoders.audio", "fusion", "heads.emotion"
  int64_t num_parameters = 0;
  int64_t num_trainable = 0;   ///< of them
  double macs_per_sample = 0;  ///< multiply-accumulates of convolutions and matrix products, forward
  double forward_ms = 0;       ///< per sample, inference, median
};

/// What a model costs on a batch of given shapes. Times are wall clock on this machine with the threads that
/// are set; MACs are counted while the operators run (convolutions, matrix products, recurrent layers through
/// their matrix products), whatever the module is made of, so they include the work on padding.
struct CostReport {
  std::vector<PartCost> parts;  ///< in the order of the forward pass
  PartCost total;
  int64_t batch_size = 0;
  double inference_ms = 0;           ///< per sample
  double training_step_ms = 0;       ///< per sample: forward, loss (sum of the outputs), backward
  int64_t parameter_bytes = 0;       ///< and buffers
  int64_t inference_peak_bytes = 0;  ///< largest sum of live intermediate tensors of the batch
  int64_t training_peak_bytes = 0;
};

/// Runs the model a few times on `batch`; its weights, mode and gradients, and the random generator, are as
/// before afterwards.
/// @param repeats  runs that are timed, after one that is not
CostReport measure_cost(MultimodalModel& model, const affect::Batch& batch, int repeats = 5);
/// The report as aligned text.
std::string cost_text(const CostReport& report);

}  // namespace limbic::model
