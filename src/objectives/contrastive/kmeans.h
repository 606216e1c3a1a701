#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace limbic::objectives {

/// Rows grouped around centres.
struct KMeans {
  at::Tensor centre_KD;
  at::Tensor label_N;  ///< int64, the nearest centre
};

/// Lloyd's algorithm from k-means++ seeds (Arthur & Vassilvitskii 2007), until nothing changes or
/// `iterations` are done. A centre that loses all its rows moves into the largest cluster, to one of its
/// rows (Caron et al. 2018 do likewise). Draws come from LibTorch's generator.
/// @param x_ND  float, N >= clusters
KMeans kmeans(const at::Tensor& x_ND, int64_t clusters, int64_t iterations);

/// Principal components with variance 1 of the centred rows, largest first, each row then of length 1.
/// @param components  kept at most; no more than there are dimensions
at::Tensor whitened_rows(const at::Tensor& x_ND, int64_t components);

}  // namespace limbic::objectives
