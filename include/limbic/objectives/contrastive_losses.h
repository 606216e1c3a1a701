#pragma once
#include <ATen/core/Tensor.h>

namespace limbic::objectives {

// What these share: every row counts (leave out the others before), vectors are scaled to length 1 here, and
// fewer rows than a loss needs give zero with gradient.

/// NT-Xent (SimCLR, Chen et al. 2020): over the 2 N rows z of a and b, with p(i) the other view of row i,
///
///   mean_i -log( exp(z_i z_p(i) / T) / (sum_{j != i} exp(z_i z_j / T) + sum_k exp(z_i q_k / T)) )
///
/// @param a_ND, b_ND  views of the same samples
/// @param queue_KD    further negatives; undefined = none
at::Tensor nt_xent_loss(const at::Tensor& a_ND, const at::Tensor& b_ND, const at::Tensor& queue_KD,
                        double temperature);

/// InfoNCE as in MoCo (He et al. 2020): mean_i -log( e_i / (e_i + sum_k exp(a_i q_k / T)) ) with
/// e_i = exp(a_i b_i / T).
/// @param key_ND    positives
/// @param queue_KD  the negatives, all of them
at::Tensor queue_info_nce_loss(const at::Tensor& query_ND, const at::Tensor& key_ND,
                               const at::Tensor& queue_KD, double temperature);

/// CLIP's loss (Radford et al. 2021): with s_ij = scale * a_i b_j, the mean of the cross-entropies of "row i
/// belongs to column i" over rows and over columns.
/// @param scale  scalar, 1 / temperature; a gradient reaches it
at::Tensor symmetric_info_nce_loss(const at::Tensor& a_ND, const at::Tensor& b_ND, const at::Tensor& scale);

/// Supervised contrastive loss (Khosla et al. 2020, L_out): with P(i) the other rows of i's label, over rows
/// where there are any,
///
///   weighted mean_i  -1 / |P(i)| sum_{p in P(i)} log( exp(z_i z_p / T) / sum_{j != i} exp(z_i z_j / T) )
///
/// @param label_N   int64
/// @param weight_N  float >= 0; undefined = 1
at::Tensor supervised_contrastive_loss(const at::Tensor& z_ND, const at::Tensor& label_N,
                                       const at::Tensor& weight_N, double temperature);

}  // namespace limbic::objectives
