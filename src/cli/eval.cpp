#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "limbic/cli/commands.h"
#include "limbic/core/error.h"
#include "limbic/train/ablate_run.h"
#include "limbic/train/cluster_run.h"
#include "limbic/train/evaluate_run.h"

namespace limbic::cli {
namespace {

/// The options that say what of a run is evaluated.
void add_part(CLI::App& command, std::string& run, train::EvaluateOptions& options) {
  command.add_option("run", run, "run folder")->required();
  command.add_option("--on", options.store, "another store than the one of training");
  command.add_option("--split", options.split, "train, val, test (default) or all")
      ->check(CLI::IsMember({"train", "val", "test", "all"}));
  command.add_option("--checkpoint", options.checkpoint, "best (default) or last")
      ->check(CLI::IsMember({"best", "last"}));
  command.add_option("--num-threads", options.num_threads, "threads; 0 (default) = every core");
}

void print(const train::EvaluateReport& report, bool is_json) {
  const std::string text = is_json ? report.metrics->dump(2) + "\n" : report.text;
  std::fputs(text.c_str(), stdout);
}

/// An option whose words name the values of an enum.
template <class Enum>
void add_choice(CLI::App& command, const std::string& name, Enum& value, const std::string& doc) {
  std::map<std::string, Enum> words;
  for (const auto& [one, word] : enum_names(Enum{})) words[word] = one;
  command.add_option(name, value, doc)->transform(CLI::CheckedTransformer(words).description(""));
}

/// "classes", "auto" or a number.
std::optional<int64_t> num_clusters(const std::string& text) {
  if (text == "classes") return std::nullopt;
  if (text == "auto") return 0;
  int64_t k = 0;
  require(CLI::detail::lexical_cast(text, k) && k >= 1, ErrorCode::kConfig,
          "--k " + text + ": wants a number of clusters from 1, auto or classes");
  return k;
}

}  // namespace

void add_ablate(CLI::App& app, Context& /*context*/) {
  struct Args {
    std::string run;
    train::AblateOptions options;
    bool is_json = false;
  };
  auto args = std::make_shared<Args>();
  auto& options = args->options;
  CLI::App* ablate = app.add_subcommand(
      "ablate", "Which modalities a trained run needs: subsets, Shapley values, noise and loss of frames");
  add_part(*ablate, args->run, options.part);
  ablate->add_option("--task", options.task, "task (default: the first)");
  ablate->add_option("--metric", options.metric, "metric of it (default: the one that chose the epoch)");
  ablate->add_option("--tolerance", options.tolerance,
                     "loss of the metric that the smallest subset may cost (default 0.02)");
  ablate
      ->add_option("--noise", options.noise,
                   "also with Gaussian noise of these standard deviations of the training part: 0.25,0.5,1,2")
      ->delimiter(',');
  ablate->add_option("--drop", options.drop, "also with this share of frames lost: 0.25,0.5,0.75,1")
      ->delimiter(',');
  ablate->add_option("--resamples", options.num_resamples, "draws of the bootstrap (default 2000)");
  ablate->add_flag_callback(
      "--by-sample", [args] { args->options.by_subject = false; },
      "the bootstrap draws samples, not subjects");
  ablate->add_option("--seed", options.seed, "of the bootstrap, the noise and the losses (default 0)");
  ablate->add_flag("--json", args->is_json, "ablation.json on stdout in place of the tables");
  ablate->callback([args] { print(train::ablate_run(args->run, args->options), args->is_json); });
}

void add_cluster(CLI::App& app, Context& /*context*/) {
  struct Args {
    std::string run;
    train::ClusterRunOptions options;
    train::SpaceScale scale = train::SpaceScale::kNone;
    std::string k = "classes";
    bool is_pca = false;
    bool is_json = false;
  };
  auto args = std::make_shared<Args>();
  auto& options = args->options;
  CLI::App* cluster =
      app.add_subcommand("cluster", "Clusters of a trained run's embeddings: are they emotions, or people?");
  add_part(*cluster, args->run, options.part);
  cluster
      ->add_option(
          "--modality", options.spaces,
          "embeddings of these modalities, or fused (default: all there are); the first gets the map")
      ->delimiter(',');
  cluster->add_flag(
      "--features", options.of_features,
      "the inputs, pooled over time, in place of embeddings: a baseline that has learnt nothing");
  add_choice(*cluster, "--method", options.clusters.method, "kmeans (default), gmm or agglomerative");
  add_choice(*cluster, "--linkage", options.clusters.linkage,
             "agglomerative: ward (default), average or complete");
  add_choice(*cluster, "--covariance", options.clusters.covariance, "gmm: full (default) or diag");
  cluster->add_option(
      "--k", args->k,
      "number of clusters, auto (by silhouette, gmm: by BIC) or classes (default: as many as the "
      "first comparison has)");
  cluster->add_option("--max-k", options.clusters.max_k, "most clusters that auto tries (default 15)");
  cluster
      ->add_option("--against", options.against,
                   "what to compare with: tasks, subject, corpus, session, dialogue, clip, split, attributes "
                   "(default: tasks, subject, corpus)")
      ->delimiter(',');
  add_choice(*cluster, "--scale", args->scale,
             "none, standard or unit, before all else (default: features standard, embeddings none)");
  cluster->add_option("--components", options.num_components,
                      "principal components kept of larger spaces (default 50; 0 = all)");
  cluster->add_option("--map", options.map, "also the map as this .svg or .png");
  cluster->add_flag("--pca", args->is_pca, "the map shows principal components, not t-SNE");
  cluster->add_option("--map-points", options.map_points, "most points on the map (default 1500)");
  cluster->add_option("--seed", options.clusters.seed, "of starts and samples (default 0)");
  cluster->add_flag("--json", args->is_json, "clusters.json on stdout in place of the tables");
  cluster->callback([args, cluster] {
    if (cluster->get_option("--scale")->count() > 0) args->options.scale = args->scale;
    args->options.k = num_clusters(args->k);
    args->options.is_tsne = !args->is_pca;
    print(train::cluster_run(args->run, args->options), args->is_json);
  });
}

void add_eval(CLI::App& app, Context& /*context*/) {
  struct Args {
    std::string run;
    train::EvaluateOptions options;
    bool is_json = false;
  };
  auto args = std::make_shared<Args>();
  CLI::App* eval = app.add_subcommand("eval", "Metrics of a trained run, with confidence intervals");
  add_part(*eval, args->run, args->options);
  eval->add_flag("--ontology{builtin}", args->options.ontology,
                 "predicted classes of several tasks must not contradict each other; --ontology=FILE for an "
                 "ontology of your own");
  eval->add_option(
          "--coarse", args->options.coarse,
          "score at this task or level of the ontology, too: valence, quadrant, emotion4... (repeatable)")
      ->take_all()
      ->expected(1);
  eval->add_option(
      "--by", args->options.by,
      "a label, attribute or number of the samples by which to give the metrics, too: masked, sex");
  eval->add_flag("--json", args->is_json, "metrics.json on stdout in place of the table");
  eval->callback([args] { print(train::evaluate_run(args->run, args->options), args->is_json); });
}

}  // namespace limbic::cli
