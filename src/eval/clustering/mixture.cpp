#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>

#include "limbic/core/error.h"
#include "limbic/eval/clustering.h"

namespace limbic::eval {
namespace {

using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

class MixtureFit {
 public:
  MixtureFit(const Points& points, const MixtureOptions& options)
      : options_(options),
        x_ND_(Eigen::Map<const RowMatrix>(points.values.data(), points.num_points, points.num_dims)) {}

  /// @param label  hard ones to start from
  Mixture run(const std::vector<int64_t>& label) {
    RowMatrix responsibility_NK = RowMatrix::Zero(x_ND_.rows(), options_.k);
    for (size_t i = 0; i < label.size(); ++i)
      responsibility_NK(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(label[i])) = 1.0;
    maximise(responsibility_NK);
    Mixture result;
    double before = -std::numeric_limits<double>::infinity();
    while (result.num_iterations < options_.max_iterations && !result.has_converged) {
      ++result.num_iterations;
      const double now = expect(responsibility_NK);
      maximise(responsibility_NK);
      result.has_converged = std::abs(now - before) < options_.tolerance;
      before = now;
    }
    result.log_likelihood = expect(responsibility_NK);
    describe(responsibility_NK, result);
    return result;
  }

 private:
  bool is_full() const { return options_.covariance == Covariance::kFull; }

  void maximise(const RowMatrix& responsibility_NK) {
    const auto num_dims = x_ND_.cols();
    // As sklearn has it: a component without a point must not divide by 0.
    const Eigen::ArrayXd count_K =
        responsibility_NK.colwise().sum().transpose().array() + 10 * std::numeric_limits<double>::epsilon();
    mean_KD_ = responsibility_NK.transpose() * x_ND_;
    mean_KD_.array().colwise() /= count_K;
    covariance_.assign(static_cast<size_t>(options_.k), {});
    for (Eigen::Index k = 0; k < options_.k; ++k) {
      const RowMatrix centred = x_ND_.rowwise() - mean_KD_.row(k);
      auto& covariance = covariance_[static_cast<size_t>(k)];
      if (is_full()) {
        covariance =
            centred.transpose() * (centred.array().colwise() * responsibility_NK.col(k).array()).matrix();
        covariance /= count_K(k);
        covariance.diagonal().array() += options_.regularisation;
      } else {
        covariance = (responsibility_NK.col(k).transpose() * centred.array().square().matrix()) / count_K(k);
        covariance.array() += options_.regularisation;
      }
      require(num_dims == covariance.cols() && covariance.allFinite(), ErrorCode::kData,
              "Gaussian mixture: a covariance is not finite");
    }
    weight_K_ = count_K / count_K.sum();
  }

  /// @return mean log-likelihood; responsibilities of the present parameters
  double expect(RowMatrix& responsibility_NK) const {
    constexpr double kLogTwoPi = 1.8378770664093454836;
    const auto num_dims = static_cast<double>(x_ND_.cols());
    for (Eigen::Index k = 0; k < options_.k; ++k) {
      const auto& covariance = covariance_[static_cast<size_t>(k)];
      const RowMatrix centred = x_ND_.rowwise() - mean_KD_.row(k);
      Eigen::ArrayXd square_N;
      double half_log_det = 0.0;
      if (is_full()) {
        const Eigen::LLT<Eigen::MatrixXd> cholesky(covariance);
        require(cholesky.info() == Eigen::Success, ErrorCode::kData,
                "Gaussian mixture: the covariance of a component is singular; take fewer dimensions or "
                "components, diagonal covariances or a larger regularisation");
        half_log_det = cholesky.matrixLLT().diagonal().array().log().sum();
        square_N = cholesky.matrixL().solve(centred.transpose()).colwise().squaredNorm().transpose().array();
      } else {
        half_log_det = 0.5 * covariance.array().log().sum();
        square_N = (centred.array().square().rowwise() / covariance.row(0).array()).rowwise().sum();
      }
      responsibility_NK.col(k) =
          (-0.5 * (num_dims * kLogTwoPi + square_N) - half_log_det + std::log(weight_K_(k))).matrix();
    }
    const Eigen::ArrayXd most_N = responsibility_NK.rowwise().maxCoeff().array();
    const Eigen::ArrayXd sum_N =
        most_N + (responsibility_NK.array().colwise() - most_N).exp().rowwise().sum().log();
    responsibility_NK = (responsibility_NK.array().colwise() - sum_N).exp().matrix();
    return sum_N.mean();
  }

  void describe(const RowMatrix& responsibility_NK, Mixture& result) const {
    const auto n = x_ND_.rows();
    const auto num_dims = x_ND_.cols();
    result.label.resize(static_cast<size_t>(n));
    for (Eigen::Index i = 0; i < n; ++i) {
      Eigen::Index best = 0;
      responsibility_NK.row(i).maxCoeff(&best);
      result.label[static_cast<size_t>(i)] = best;
    }
    result.responsibility_NK.assign(responsibility_NK.data(),
                                    responsibility_NK.data() + responsibility_NK.size());
    result.weight_K.assign(weight_K_.data(), weight_K_.data() + weight_K_.size());
    result.mean_KD = {options_.k, num_dims, {mean_KD_.data(), mean_KD_.data() + mean_KD_.size()}};
    for (const auto& covariance : covariance_)
      result.covariance.insert(result.covariance.end(), covariance.data(),
                               covariance.data() + covariance.size());
    const auto k = static_cast<double>(options_.k);
    const auto d = static_cast<double>(num_dims);
    const double num_parameters = k * (is_full() ? d * (d + 1) / 2 : d) + k * d + k - 1;
    const auto num_points = static_cast<double>(n);
    result.bic = -2 * result.log_likelihood * num_points + num_parameters * std::log(num_points);
  }

  const MixtureOptions& options_;
  RowMatrix x_ND_;
  RowMatrix mean_KD_;
  std::vector<Eigen::MatrixXd> covariance_;  ///< (D, D), or (1, D)
  Eigen::ArrayXd weight_K_;
};

}  // namespace

Mixture fit_mixture_from(const Points& points, const std::vector<int64_t>& label,
                         const MixtureOptions& options) {
  points.require_usable("Gaussian mixture");
  require(options.k >= 1 && options.k <= points.num_points && options.max_iterations >= 1 &&
              options.regularisation >= 0,
          ErrorCode::kConfig,
          "Gaussian mixture: " + std::to_string(options.k) + " components of " +
              std::to_string(points.num_points) + " points; wants at least 1 and at most one a point");
  require(label.size() == static_cast<size_t>(points.num_points) &&
              std::all_of(label.begin(), label.end(), [&](int64_t k) { return k >= 0 && k < options.k; }),
          ErrorCode::kInternal, "Gaussian mixture: wants a component to start from for every point");
  return MixtureFit(points, options).run(label);
}

Mixture fit_mixture(const Points& points, const MixtureOptions& options) {
  require(options.num_starts >= 1, ErrorCode::kConfig, "Gaussian mixture: wants at least one start");
  Mixture best;
  for (int64_t start = 0; start < options.num_starts; ++start) {
    KMeansOptions first;
    first.k = options.k;
    first.num_starts = 1;
    first.seed = options.seed + static_cast<uint64_t>(start);
    Mixture one = fit_mixture_from(points, k_means(points, first).label, options);
    if (start == 0 || one.log_likelihood > best.log_likelihood) best = std::move(one);
  }
  return best;
}

}  // namespace limbic::eval
