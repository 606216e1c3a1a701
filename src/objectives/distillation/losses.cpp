#include <ATen/ATen.h>

#include <cmath>

#include "limbic/objectives/distillation.h"

namespace limbic::objectives {
namespace {

/// Rows that do not count become zeros, whatever they hold.
at::Tensor counted(const at::Tensor& x_BW, const at::Tensor& counts_B) {
  return x_BW.masked_fill(counts_B.logical_not().unsqueeze(1), 0.0);
}

/// Rows of unit length; a row of zeros stays one.
at::Tensor unit_rows(const at::Tensor& x_BW) {
  // The root's derivative at zero is infinite: keep off it.
  return x_BW / x_BW.square().sum(1, /*keepdim=*/true).clamp_min(1e-12).sqrt();
}

at::Tensor rows_that_count(const at::Tensor& counts_B, const at::Tensor& like) {
  return counts_B.sum().clamp_min(1).to(like.scalar_type());
}

}  // namespace

at::Tensor distillation_rows(const at::Tensor& student_BC, const at::Tensor& teacher_BC,
                             const at::Tensor& counts_B, double temperature) {
  const auto log_of = [&](const at::Tensor& logits_BC) {
    return (counted(logits_BC, counts_B) / temperature).log_softmax(1);
  };
  const auto teacher = log_of(teacher_BC.detach());
  // Rows that do not count are uniform on both sides: exactly zero.
  return (teacher.exp() * (teacher - log_of(student_BC))).sum(1);
}

at::Tensor distillation_loss(const at::Tensor& student_BC, const at::Tensor& teacher_BC,
                             const at::Tensor& counts_B, double temperature) {
  return distillation_rows(student_BC, teacher_BC, counts_B, temperature).sum() / counts_B.sum().clamp_min(1);
}

at::Tensor label_distillation_rows(const at::Tensor& student_BC, const at::Tensor& teacher_BC,
                                   const at::Tensor& counts_B, double temperature) {
  const auto student = counted(student_BC, counts_B) / temperature;
  const auto teacher = counted(teacher_BC.detach(), counts_B) / temperature;
  const auto holds = teacher.sigmoid();
  const auto kl = holds * (at::log_sigmoid(teacher) - at::log_sigmoid(student)) +
                  (1.0 - holds) * (at::log_sigmoid(-teacher) - at::log_sigmoid(-student));
  return kl.mean(1);
}

at::Tensor value_distillation_rows(const at::Tensor& student_BC, const at::Tensor& teacher_BC,
                                   const at::Tensor& counts_B) {
  return (counted(student_BC, counts_B) - counted(teacher_BC.detach(), counts_B)).square().mean(1);
}

at::Tensor hint_loss(const at::Tensor& student_BW, const at::Tensor& teacher_BW, const at::Tensor& counts_B) {
  const auto student = unit_rows(counted(student_BW, counts_B));
  const auto teacher = unit_rows(counted(teacher_BW.detach(), counts_B));
  return (student - teacher).square().sum() / rows_that_count(counts_B, student);
}

at::Tensor similarity_loss(const at::Tensor& student_BW, const at::Tensor& teacher_BV,
                           const at::Tensor& counts_B) {
  const auto similarities = [&](const at::Tensor& x_BW) {
    const auto rows = counted(x_BW, counts_B);
    return unit_rows(rows.matmul(rows.t()));
  };
  const auto difference = similarities(student_BW) - similarities(teacher_BV.detach());
  return difference.square().sum() / rows_that_count(counts_B, difference).square();
}

at::Tensor transport_loss(const at::Tensor& student_BW, const at::Tensor& teacher_BV,
                          const at::Tensor& counts_B, double epsilon, int64_t iterations) {
  const auto similarities = [&](const at::Tensor& x_BW) {
    const auto rows = unit_rows(counted(x_BW, counts_B));
    return rows.matmul(rows.t());
  };
  const auto student = similarities(student_BW);
  const auto teacher = similarities(teacher_BV.detach());
  const auto n = rows_that_count(counts_B, student);
  const auto cost = (student.unsqueeze(1) - teacher.unsqueeze(0)).square().sum(2) / n;
  // Rows that do not count have no mass: minus infinity, but finite.
  const auto log_mass =
      at::zeros_like(cost.select(1, 0)).masked_fill(counts_B.logical_not(), -1e30) - n.log();
  const auto scaled = -cost.detach() / epsilon;
  auto f = at::zeros_like(log_mass);
  auto g = at::zeros_like(log_mass);
  for (int64_t i = 0; i < iterations; ++i) {
    f = log_mass - (scaled + g.unsqueeze(0)).logsumexp(1);
    g = log_mass - (scaled + f.unsqueeze(1)).logsumexp(0);
  }
  const auto plan = (scaled + f.unsqueeze(1) + g.unsqueeze(0)).exp().detach();
  const auto both = counts_B.unsqueeze(1).logical_and(counts_B.unsqueeze(0));
  return (plan.masked_fill(both.logical_not(), 0.0) * cost).sum();
}

at::Tensor attention_loss(const at::Tensor& student_BTD, const at::Tensor& teacher_BUE,
                          const at::Tensor& counts_B) {
  const auto map_of = [&](const at::Tensor& x_BTD) {
    return x_BTD.masked_fill(counts_B.logical_not().unsqueeze(1).unsqueeze(2), 0.0).square().mean(2);
  };
  const auto student = map_of(student_BTD);
  auto teacher = map_of(teacher_BUE.detach());
  if (teacher.size(1) != student.size(1))
    teacher = at::adaptive_avg_pool1d(teacher.unsqueeze(1), {student.size(1)}).squeeze(1);
  return (unit_rows(student) - unit_rows(teacher)).square().sum() / rows_that_count(counts_B, student);
}

}  // namespace limbic::objectives
