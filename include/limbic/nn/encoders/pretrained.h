#pragma once
// Encoders that are published networks, with their published weights or without.
#include "limbic/nn/encoders/pretrained_image.h"
#include "limbic/nn/encoders/pretrained_sound.h"
#include "limbic/nn/encoders/pretrained_text.h"
#include "limbic/nn/encoders/torchscript.h"
