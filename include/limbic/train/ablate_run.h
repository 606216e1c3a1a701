#pragma once
#include <string>

#include "limbic/train/evaluate_run.h"

namespace limbic::train {

/// Evaluates one run with every subset of its modalities, all the way to none, on one part of a store, and
/// writes RUN/eval/<part>/subsets.json: [{modalities, num_samples, <task>: {<metric>: value}}], the whole set
/// first. Samples that lack a modality lack it in every subset. Train with model.modality_dropout for a model
/// that copes. Ontology and coarser scores of the options are not used.
/// @throws Error(kModel, kData, kConfig), for more than 10 modalities too
EvaluateReport ablate_run(const std::string& run, const EvaluateOptions& options);

}  // namespace limbic::train
