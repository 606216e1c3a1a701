#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "limbic/eval/clustering.h"
#include "limbic/plot/figure.h"

namespace limbic::eval {

/// Principal components (Pearson 1901). Signs: the score of largest size is positive, as in sklearn.
struct PrincipalComponents {
  Points score_NC;                      ///< of each point, along the components
  std::vector<double> explained_share;  ///< of the whole variance, by component
};
/// @param num_components  at most min(points, dimensions) are kept
PrincipalComponents principal_components(const Points& points, int64_t num_components);

/// t-SNE (van der Maaten & Hinton 2008), exact: O(n^2) a step and one n x n table. Defaults are those of
/// sklearn.manifold.TSNE(method="exact", init="pca", learning_rate="auto").
struct TsneOptions {
  double perplexity = 30.0;  ///< effective number of neighbours; at most (n - 1) / 3
  int64_t num_steps = 1000;
  double exaggeration = 12.0;  ///< in the first quarter of the steps, at most 250
  double learning_rate = 0.0;  ///< 0: max(n / exaggeration / 4, 50)
  int64_t max_points = 4000;   ///< the table of so many takes 122 MiB
};
struct Tsne {
  Points xy;                ///< (n, 2)
  double divergence = 0.0;  ///< Kullback-Leibler, nats: what the map does not tell
  int64_t num_steps = 0;
};
/// Starts from the first two principal components: no random number, equal points give equal maps.
/// @throws Error(kResource) for more than max_points: draw some first; Error(kData) for fewer than 4
Tsne tsne(const Points& points, const TsneOptions& options = {});
/// Starts from `xy`.
Tsne tsne_from(const Points& points, Points xy, const TsneOptions& options);
/// Symmetric neighbour probabilities (n, n), sum 1: what t-SNE wants to see on the map.
std::vector<double> neighbour_probabilities(const Points& points, double perplexity);

/// One way to colour the points of a map.
struct MapColouring {
  std::string title;
  std::vector<std::string> name;  ///< of each point; empty = unknown, grey
};
/// The same points once a colouring, one panel under the other, each with a legend. Names beyond 35, the
/// rarest, become "others".
plot::Figure map_figure(const std::string& title, const Points& xy,
                        const std::vector<MapColouring>& colourings);

}  // namespace limbic::eval
