#include "limbic/train/cluster_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cluster_references.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/eval/cluster_agreement.h"
#include "limbic/eval/embed.h"
#include "limbic/eval/embedding_map.h"
#include "limbic/formats/csv.h"
#include "limbic/formats/jsonl.h"
#include "limbic/formats/npy.h"
#include "opened_run.h"

namespace limbic::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int64_t kSilhouettePoints = 2000;

/// One space with its clusters.
struct ClusteredSpace {
  const eval::EmbeddingSpace* space = nullptr;
  eval::Points points;     ///< scaled and reduced: what was clustered
  double explained = 1.0;  ///< share of the variance that the reduction kept
  eval::Clustering clustering;
  double silhouette = 0.0;
  struct Against {
    const Reference* reference;
    eval::ClusterAgreement agreement;
    double silhouette;  ///< of the classes themselves
  };
  std::vector<Against> against;
};

void scale_points(eval::Points& points, SpaceScale scale) {
  const auto n = static_cast<double>(points.num_points);
  if (scale == SpaceScale::kUnit) {
    for (int64_t i = 0; i < points.num_points; ++i) {
      double square = 0;
      for (int64_t d = 0; d < points.num_dims; ++d) square += points.row(i)[d] * points.row(i)[d];
      for (int64_t d = 0; d < points.num_dims && square > 0; ++d) points.row(i)[d] /= std::sqrt(square);
    }
  } else if (scale == SpaceScale::kStandard) {
    for (int64_t d = 0; d < points.num_dims; ++d) {
      double mean = 0;
      double square = 0;
      for (int64_t i = 0; i < points.num_points; ++i) mean += points.row(i)[d] / n;
      for (int64_t i = 0; i < points.num_points; ++i) square += std::pow(points.row(i)[d] - mean, 2) / n;
      for (int64_t i = 0; i < points.num_points; ++i)
        points.row(i)[d] = square > 0 ? (points.row(i)[d] - mean) / std::sqrt(square) : 0.0;
    }
  }
}

/// The reference's classes of the points of a space.
std::vector<int64_t> classes_of(const Reference& reference, const eval::EmbeddingSpace& space) {
  std::vector<int64_t> classes;
  for (const int64_t row : space.row) classes.push_back(reference.class_of[static_cast<size_t>(row)]);
  return classes;
}

int64_t num_clusters(const ClusterRunOptions& options, const std::vector<Reference>& references) {
  if (options.k) return *options.k;
  require(!references.empty(), ErrorCode::kConfig,
          "how many clusters? nothing here has classes to count; give --k N or --k auto");
  return std::max<int64_t>(2, static_cast<int64_t>(references.front().names.size()));
}

ClusteredSpace cluster_space(const eval::EmbeddingSpace& space, const ClusterRunOptions& options,
                             const std::vector<Reference>& references) {
  ClusteredSpace result;
  result.space = &space;
  result.points = space.points;
  result.points.require_usable("space " + space.name);
  scale_points(result.points,
               options.scale.value_or(options.of_features ? SpaceScale::kStandard : SpaceScale::kNone));
  if (options.num_components > 0 && options.num_components < result.points.num_dims) {
    auto components = eval::principal_components(result.points, options.num_components);
    result.explained = 0;
    for (const double share : components.explained_share) result.explained += share;
    result.points = std::move(components.score_NC);
  }
  auto clusters = options.clusters;
  clusters.k = num_clusters(options, references);
  try {
    result.clustering = eval::cluster(result.points, clusters);
  } catch (const Error& error) {
    throw error.in("space " + space.name);
  }
  const auto silhouette = [&](const std::vector<int64_t>& label) {
    return eval::sampled_silhouette(result.points, label, kSilhouettePoints, clusters.seed);
  };
  result.silhouette = silhouette(result.clustering.label);
  for (const auto& reference : references) {
    const auto classes = classes_of(reference, space);
    result.against.push_back(
        {&reference, eval::cluster_agreement(classes, result.clustering.label), silhouette(classes)});
  }
  return result;
}

json number_json(double value) {
  return std::isfinite(value) ? json(value) : json();
}

json to_json(const ClusteredSpace& one) {
  json against = json::object();
  for (const auto& [reference, agreement, silhouette] : one.against) {
    against[reference->name] = {{"num_samples", agreement.num_points},
                                {"num_classes", agreement.num_classes},
                                {"nmi", number_json(agreement.nmi)},
                                {"ami", number_json(agreement.ami)},
                                {"ari", number_json(agreement.ari)},
                                {"purity", number_json(agreement.purity)},
                                {"homogeneity", number_json(agreement.homogeneity)},
                                {"completeness", number_json(agreement.completeness)},
                                {"v_measure", number_json(agreement.v_measure)},
                                {"silhouette_of_classes", number_json(silhouette)}};
  }
  json tried = json::array();
  for (const auto& [k, score] : one.clustering.tried)
    tried.push_back({{"k", k}, {"score", number_json(score)}});
  return {{"name", one.space->name},
          {"num_samples", one.points.num_points},
          {"num_dims", one.space->points.num_dims},
          {"num_components", one.points.num_dims},
          {"explained_variance", one.explained},
          {"k", one.clustering.k},
          {"tried", std::move(tried)},
          {"silhouette", number_json(one.silhouette)},
          {"against", std::move(against)}};
}

std::string number_text(double value) {
  return std::isfinite(value) ? fmt::format("{:.3f}", value) : "-";
}

std::string table_of(const ClusteredSpace& one) {
  std::string dims = fmt::format("{} dimensions", one.space->points.num_dims);
  if (one.points.num_dims < one.space->points.num_dims)
    dims += fmt::format(" (first {} components, {:.1f} % of the variance)", one.points.num_dims,
                        100 * one.explained);
  std::string text = fmt::format("\n{}: {} samples, {}, {} clusters, silhouette {}\n", one.space->name,
                                 one.points.num_points, dims, one.clustering.k, number_text(one.silhouette));
  size_t width = 7;
  for (const auto& row : one.against) width = std::max(width, row.reference->name.size());
  text +=
      fmt::format("  {:<{}}  classes    NMI    AMI    ARI  purity  homog.  compl.  silhouette of classes\n",
                  "against", width);
  for (const auto& [reference, a, silhouette] : one.against)
    text += fmt::format("  {:<{}}  {:>7}  {:>5}  {:>5}  {:>5}  {:>6}  {:>6}  {:>6}  {:>21}\n",
                        reference->name, width, a.num_classes, number_text(a.nmi), number_text(a.ami),
                        number_text(a.ari), number_text(a.purity), number_text(a.homogeneity),
                        number_text(a.completeness), number_text(silhouette));
  return text;
}

/// A map of the first space: coloured by every reference that tells something, and by cluster.
struct DrawnMap {
  eval::Points xy;
  std::vector<int64_t> points;  ///< of the space, that are on the map
  json facts;
  std::string svg;
};

DrawnMap draw_map(const ClusteredSpace& one, const ClusterRunOptions& options, const std::string& title) {
  DrawnMap map;
  map.points = eval::sampled_rows(one.points.num_points, options.map_points, options.clusters.seed);
  const auto points = one.points.rows(map.points);
  const bool is_tsne = options.is_tsne && points.num_points >= 4;
  std::string shown = title + ", " + one.space->name;
  if (is_tsne) {
    eval::TsneOptions how;
    how.max_points = options.map_points;
    auto tsne = eval::tsne(points, how);
    map.xy = std::move(tsne.xy);
    map.facts = {{"method", "tsne"}, {"divergence", number_json(tsne.divergence)}};
    shown += " (t-SNE)";
  } else {
    auto components = eval::principal_components(points, 2);
    map.xy = {points.num_points, 2, std::vector<double>(static_cast<size_t>(2 * points.num_points), 0.0)};
    for (int64_t i = 0; i < points.num_points; ++i) {
      for (int64_t c = 0; c < components.score_NC.num_dims; ++c)
        map.xy.row(i)[c] = components.score_NC.row(i)[c];
    }
    map.facts = {{"method", "pca"}, {"explained_variance", components.explained_share}};
    shown += " (principal components)";
  }
  map.facts["space"] = one.space->name;
  map.facts["num_samples"] = points.num_points;
  std::vector<int64_t> rows;
  eval::MapColouring clusters{"clusters", {}};
  for (const int64_t point : map.points) {
    rows.push_back(one.space->row[static_cast<size_t>(point)]);
    // Zeros in front: names are sorted as text.
    clusters.name.push_back(fmt::format("{:02}", one.clustering.label[static_cast<size_t>(point)] + 1));
  }
  std::vector<eval::MapColouring> colourings;
  for (const auto& row : one.against) {
    if (row.agreement.num_classes > 1)
      colourings.push_back({row.reference->name, row.reference->name_of(rows)});
  }
  colourings.insert(colourings.begin() + (colourings.empty() ? 0 : 1), std::move(clusters));
  const auto figure = eval::map_figure(shown, map.xy, colourings);
  map.svg = figure.svg();
  if (!options.map.empty()) figure.write(options.map);
  return map;
}

void write_assignments(const std::string& path, const data::Store& store, const eval::Embeddings& embeddings,
                       const std::vector<Reference>& references, const std::vector<ClusteredSpace>& spaces,
                       const DrawnMap& map) {
  std::vector<std::string> columns = {"id"};
  for (const auto& reference : references) columns.push_back(reference.name);
  for (const auto& one : spaces) columns.push_back("cluster_" + one.space->name);
  columns.insert(columns.end(), {"map_x", "map_y"});
  const size_t num_samples = embeddings.sample.size();
  std::vector<std::vector<int64_t>> cluster_of(spaces.size(), std::vector<int64_t>(num_samples, -1));
  for (size_t s = 0; s < spaces.size(); ++s) {
    for (size_t i = 0; i < spaces[s].space->row.size(); ++i)
      cluster_of[s][static_cast<size_t>(spaces[s].space->row[i])] = spaces[s].clustering.label[i];
  }
  std::vector<int64_t> on_map(num_samples, -1);
  for (size_t i = 0; i < map.points.size(); ++i)
    on_map[static_cast<size_t>(spaces.front().space->row[static_cast<size_t>(map.points[i])])] =
        static_cast<int64_t>(i);
  formats::CsvWriter csv(path, columns);
  for (size_t i = 0; i < num_samples; ++i) {
    csv.add(store.samples().id(embeddings.sample[i]));
    for (const auto& reference : references) csv.add(reference.name_of({static_cast<int64_t>(i)}).front());
    for (const auto& of_space : cluster_of) of_space[i] < 0 ? csv.add_empty() : csv.add(of_space[i] + 1);
    if (on_map[i] < 0) {
      csv.add_empty().add_empty();
    } else {
      csv.add(map.xy.row(on_map[i])[0]).add(map.xy.row(on_map[i])[1]);
    }
    csv.end_row();
  }
  csv.finish();
}

void write_embeddings(const std::string& path, const data::Store& store, const eval::Embeddings& embeddings,
                      const std::vector<ClusteredSpace>& spaces) {
  formats::NpzWriter npz(path);
  std::vector<std::string> ids;
  for (const int64_t sample : embeddings.sample) ids.emplace_back(store.samples().id(sample));
  npz.add("ids", ids);
  for (const auto& one : spaces) {
    const auto& points = one.space->points;
    npz.add(one.space->name,
            {static_cast<uint64_t>(points.num_points), static_cast<uint64_t>(points.num_dims)},
            points.values);
    npz.add(one.space->name + "_rows", {static_cast<uint64_t>(one.space->row.size())}, one.space->row);
  }
  npz.finish();
}

/// `write` fills a folder that then takes the place of `directory` as a whole.
template <class Write>
void write_folder(const std::string& directory, Write&& write) {
  fs::create_directories(fs::path(directory).parent_path());
  const std::string temp = core::temp_name_for(directory);
  const std::string old = core::temp_name_for(directory + "-old");
  std::error_code ec;
  try {
    fs::create_directories(temp);
    write(temp);
    if (fs::exists(directory)) fs::rename(directory, old);
    core::publish_directory(temp, directory);
    fs::remove_all(old, ec);
  } catch (...) {
    fs::remove_all(temp, ec);
    throw;
  }
}

/// The spaces that are asked for, in the order asked.
std::vector<const eval::EmbeddingSpace*> wanted_spaces(const eval::Embeddings& embeddings,
                                                       const std::vector<std::string>& wanted) {
  std::vector<const eval::EmbeddingSpace*> spaces;
  std::vector<std::string> known;
  for (const auto& space : embeddings.spaces) known.push_back(space.name);
  require(!known.empty(), ErrorCode::kData, "no sample of this part has a point in any space");
  for (const auto& name : wanted.empty() ? known : wanted) {
    const auto found = std::find(known.begin(), known.end(), name);
    require(
        found != known.end(), ErrorCode::kConfig,
        "no space '" + name + "'" + core::did_you_mean(name, known) + "; known here: " + core::join(known));
    spaces.push_back(&embeddings.spaces[static_cast<size_t>(found - known.begin())]);
  }
  return spaces;
}

template <class Enum>
std::string word_of(Enum value) {
  for (const auto& [one, name] : enum_names(Enum{})) {
    if (one == value) return name;
  }
  return "";
}

}  // namespace

EvaluateReport cluster_run(const std::string& run, const ClusterRunOptions& options) {
  require(options.map_points >= 4, ErrorCode::kConfig, "a map wants at least 4 points");
  // Before the work, not after it.
  const auto extension = fs::path(options.map).extension();
  require(options.map.empty() || extension == ".svg" || extension == ".png", ErrorCode::kConfig,
          options.map + ": a map is written as .svg or .png");
  const OpenedRun opened = open_run(run, options.part);
  const auto embeddings = options.of_features ? eval::embed_inputs(opened.bundle.info.inputs, *opened.loader)
                                              : eval::embed(*opened.bundle.model, *opened.loader);
  const auto wanted = wanted_spaces(embeddings, options.spaces);
  const auto references =
      cluster_references(*opened.store, embeddings, opened.bundle.info.tasks, options.against);
  EvaluateReport report;
  report.directory =
      results_folder(run, opened, options.part) + (options.of_features ? "/clusters_features" : "/clusters");
  report.text =
      fmt::format("{} on {} ({}), {} checkpoint: {} of {}\n", run, opened.config.data.shown_stores(),
                  options.part.split, options.part.checkpoint, word_of(options.clusters.method),
                  options.of_features ? "features" : "embeddings");
  std::vector<ClusteredSpace> spaces;
  json space_rows = json::array();
  for (const auto* space : wanted) {
    spaces.push_back(cluster_space(*space, options, references));
    space_rows.push_back(to_json(spaces.back()));
    report.text += table_of(spaces.back());
  }
  const auto map = draw_map(spaces.front(), options, opened.config.name);
  report.metrics = std::make_shared<json>(json{{"run", run},
                                               {"split", options.part.split},
                                               {"checkpoint", options.part.checkpoint},
                                               {"of", options.of_features ? "features" : "embeddings"},
                                               {"method", word_of(options.clusters.method)},
                                               {"seed", options.clusters.seed},
                                               {"leaks", opened.notes.leaks},
                                               {"map", map.facts},
                                               {"spaces", std::move(space_rows)}});
  write_folder(report.directory, [&](const std::string& folder) {
    formats::write_json(folder + "/clusters.json", *report.metrics);
    write_assignments(folder + "/assignments.csv", *opened.store, embeddings, references, spaces, map);
    write_embeddings(folder + "/embeddings.npz", *opened.store, embeddings, spaces);
    core::write_file(folder + "/map.svg", map.svg);
  });
  if (const auto leaks = eval::leaks_text(opened.notes.leaks); !leaks.empty())
    report.text += "\n" + leaks + "\n";
  report.text +=
      "\nAMI and ARI are corrected for chance: compare these between emotions and people\nwritten to " +
      report.directory + "\n";
  return report;
}

}  // namespace limbic::train
