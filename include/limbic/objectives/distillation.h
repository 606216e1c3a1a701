#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace limbic::objectives {

// Terms of knowledge distillation. In all of them `counts_B` (bool) says which rows count: what the others
// hold has no influence, and without any row the term is zero with a gradient. No gradient reaches a teacher.

/// Of each row, KL(softmax(teacher / T) || softmax(student / T)), 0 for rows that do not count. Times T^2 for
/// the size of gradients that Hinton et al. 2015 ask for.
/// @param student_BC, teacher_BC  logits
at::Tensor distillation_rows(const at::Tensor& student_BC, const at::Tensor& teacher_BC,
                             const at::Tensor& counts_B, double temperature);
/// The mean over the rows that count, as in SDT (Ma et al. 2023), which does not make up for T.
at::Tensor distillation_loss(const at::Tensor& student_BC, const at::Tensor& teacher_BC,
                             const at::Tensor& counts_B, double temperature);

/// The same of labels that hold or do not: the mean over labels of the KL of two Bernoullis.
at::Tensor label_distillation_rows(const at::Tensor& student_BC, const at::Tensor& teacher_BC,
                                   const at::Tensor& counts_B, double temperature);

/// Of each row, the mean over values of the squared difference.
at::Tensor value_distillation_rows(const at::Tensor& student_BC, const at::Tensor& teacher_BC,
                                   const at::Tensor& counts_B);

/// Mean over rows of the squared distance of the two vectors at unit length: FitNets (Romero et al. 2015),
/// but for the lengths, which say more about a network than about a sample. In [0, 4].
/// @param student_BW  projected to the teacher's width
at::Tensor hint_loss(const at::Tensor& student_BW, const at::Tensor& teacher_BW, const at::Tensor& counts_B);

/// Similarity-preserving distillation (Tung & Mori 2019): ||G_s - G_t||_F^2 / n^2 of the n rows that count,
/// G = F F^T with rows of unit length. Widths may differ.
at::Tensor similarity_loss(const at::Tensor& student_BW, const at::Tensor& teacher_BV,
                           const at::Tensor& counts_B);

/// What it costs to carry the student's rows of similarities to the teacher's (MT-PKDOT, Aslam et al. 2024):
/// <P, C>, C_ij = ||S_i - T_j||^2 / n between rows of the two matrices of cosine similarity, P the plan of
/// uniform marginals with entropy `epsilon` (Cuturi 2013, in log space). The plan is a constant of the
/// gradient (Danskin), so that the loss vanishes for equal matrices as epsilon goes to 0.
at::Tensor transport_loss(const at::Tensor& student_BW, const at::Tensor& teacher_BV,
                          const at::Tensor& counts_B, double epsilon, int64_t iterations = 50);

/// Attention transfer (Zagoruyko & Komodakis 2017) over time: mean over rows of the squared distance of the
/// maps (mean over features of x^2) at unit length. The teacher's map is resampled to the student's tokens.
/// @param student_BTD, teacher_BUE  tokens, zero where there is none
at::Tensor attention_loss(const at::Tensor& student_BTD, const at::Tensor& teacher_BUE,
                          const at::Tensor& counts_B);

}  // namespace limbic::objectives
