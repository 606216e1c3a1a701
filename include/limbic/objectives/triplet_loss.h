#pragma once
#include <ATen/core/Tensor.h>

#include "limbic/objectives/adaptive_margin_triplet_config.h"

namespace limbic::objectives {

/// M2FNet's triplet loss with an adaptive margin (Chudasama et al. 2022), the mean over triplets of
///
///   D_ap - (D_an + D_pn) / 2 + m,   m = 1 + 2 exp(-4 D_ap) + 1 + 2 exp(4 D_an - 4)
///
/// with a and p of one label, n of another, and D half the distance of the embeddings scaled to length 1: in
/// [0, 1], for which the margin is made (it grows exponentially beyond). The margin is a constant for the
/// gradient: as it is larger than any distance no hinge would ever bite, and differentiated it would draw
/// positives to a distance of 0.52 and negatives to 0.48, since it falls with D_ap and rises with D_an.
/// Zero, with gradient, without any triplet.
/// @param z_ND     every row counts; label_N int64
/// @param margin_gradient  true = differentiate the margin all the same, as the formula is written
at::Tensor adaptive_margin_triplet_loss(const at::Tensor& z_ND, const at::Tensor& label_N,
                                        TripletMining mining, bool margin_gradient);

}  // namespace limbic::objectives
