#pragma once
#include "limbic/nn/encoders/pretrained.h"
#include "pretrained/checkpoint.h"

namespace limbic::nn {

// How Hugging Face calls the tensors of each family (transformers' modeling files, and the checkpoints that
// the authors publish there).
NameTable names_of(VitFamily family);
NameTable names_of(SpeechFamily family, bool norm_first);
NameTable names_of(BertFamily family);

}  // namespace limbic::nn
