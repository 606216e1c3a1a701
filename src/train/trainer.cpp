#include "limbic/train/trainer.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <fmt/format.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "calibrate.h"
#include "init_from.h"
#include "learner.h"
#include "limbic/config/config.h"
#include "limbic/core/error.h"
#include "limbic/core/interrupt.h"
#include "limbic/core/log.h"
#include "limbic/core/progress.h"
#include "limbic/core/rng.h"
#include "limbic/core/suggest.h"
#include "limbic/core/threads.h"
#include "limbic/data/fitted_features.h"
#include "limbic/data/giveaways.h"
#include "limbic/data/leaks.h"
#include "limbic/data/statistics.h"
#include "limbic/eval/predict.h"
#include "limbic/features/feature_extractor.h"
#include "limbic/formats/jsonl.h"
#include "limbic/formats/tfevents.h"
#include "limbic/model/bundle.h"
#include "limbic/nn/state.h"
#include "limbic/train/checkpoint.h"
#include "limbic/train/oracle.h"
#include "limbic/train/supervision.h"
#include "running_mean.h"

namespace limbic::train {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::unique_ptr<data::Loader> make_loader(const ExperimentConfig& config,
                                          const std::shared_ptr<const data::Store>& store,
                                          const std::vector<affect::LabelSpace>& tasks,
                                          const std::vector<int64_t>& indices, bool is_training,
                                          std::function<void(const data::BadStream&)> on_bad = {},
                                          const data::Supervisions& supervision = {}) {
  data::LoaderInput input;
  input.store = store;
  input.indices = indices;
  input.tasks = tasks;
  input.targets = config.data.targets;
  input.features = is_training ? config.data.features : config.data.model_features();
  input.augment = config.data.augment;
  input.is_training = is_training;
  input.seed = config.seed;
  input.on_bad = std::move(on_bad);
  input.supervision = supervision;
  return std::make_unique<data::Loader>(std::move(input), config.data.loader);
}

/// Whether `value` of a metric beats `best`; of errors the smaller one is better.
bool is_better(const std::string& metric, double value, double best) {
  return eval::is_lower_better(metric) ? value < best : value > best;
}

/// What of a task the line of an epoch shows.
std::vector<std::string> shown_metrics(const affect::LabelSpace& task) {
  if (task.has_classes()) return {"uar", "accuracy", "weighted_f1"};
  if (task.traits.kind == affect::TaskKind::kMultiLabel) return {"macro_f1", "micro_f1", "auc"};
  return {"ccc", "pearson", "mae"};
}

}  // namespace

struct Trainer::Impl {
  Impl(const ExperimentConfig& experiment, RunFolder& run_folder)
      : config(experiment), run(run_folder), checkpoints(run_folder / "ckpt") {
    core::set_num_threads(config.train.num_threads);
    core::seed_torch(config.seed);
    store = open_store(config.data);
    tasks = task_spaces(config.data, *store);
    selected_by = selection_metric(config.train.early_stopping, tasks.front());
    split = data::make_split(*store, config.data.split);
    warn_about_leaks();
    require(!split.train.empty(), ErrorCode::kData,
            config.data.shown_stores() + ": the training part is empty");
    require(!split.val.empty(), ErrorCode::kData,
            config.data.shown_stores() +
                ": the validation part is empty; selection needs one that is not the test part");
    config.data.features = data::fitted_features(config.data.features, *store, split.train, run / "features");
    const auto quarantine = [this](const data::BadStream& bad) { write_quarantine(bad); };
    supervision = supervise(config, store, tasks, split.train);
    train_loader = make_loader(config, store, tasks, split.train, true, quarantine, supervision.by_task);
    val_loader = make_loader(config, store, tasks, split.val, false, quarantine);
    require(train_loader->num_batches() > 0, ErrorCode::kData,
            fmt::format("{}: {} training samples make no batch of {}", config.data.shown_stores(),
                        split.train.size(), config.data.loader.batch_size));

    inputs = input_shapes();
    model = model::build_model(config.model, tasks, inputs);
    // A run that goes on has these weights, or what became of them, in its checkpoint.
    if (!checkpoints.has_any()) begin_weights();
    set_input_statistics(*model);
    counts = data::class_counts(*store, split.train, tasks, config.data.targets, supervision.by_task);
    warn_about_absent_classes();
    warn_about_giveaways();
    warn_about_shared_scales();
    objectives::ObjectiveContext context;
    context.counts = counts;
    context.tasks = tasks;
    context.features = config.data.features;
    context.inputs = inputs;
    context.fit_inputs = [this](model::MultimodalModel& further) { set_input_statistics(further); };
    learner = std::make_unique<Learner>(config, model, std::move(context));
    set_views();
    if (config.train.oracle) {
      require(!split.test.empty(), ErrorCode::kConfig, "train.oracle: the split has no test part to consult");
      test_loader = make_loader(config, store, tasks, split.test, false);
      const auto metric = selected_by == kLastEpoch ? selection_metric({}, tasks.front()) : selected_by;
      oracle = std::make_unique<OracleRecord>(run.path(), tasks.front().task, metric);
    }
  }

  void begin_weights() {
    model->load_pretrained();
    if (config.train.init_from.empty()) return;
    const auto report = init_from(*model, config.train.init_from);
    log::info("init_from", {{"source", config.train.init_from},
                            {"taken", report.num_taken},
                            {"of", report.num_own},
                            {"other_shape", core::join(report.unlike)}});
  }

  /// RUN/weak/<task>.json
  void write_weak_reports() const {
    for (const auto& [task, report] : supervision.weak_reports)
      formats::write_json(run / ("weak/" + task + ".json"), *report);
  }

  void warn_about_leaks() const {
    for (const auto& [kind, count] : split.leaks.counts_by_name()) {
      log::warn("leak_allowed",
                {{"kind", kind},
                 {"count", count},
                 {"effect", "results measure memory in part; every result of the run says so"}});
    }
    for (const auto& [kind, count] : split.num_dropped)
      log::info("leak_dropped", {{"kind", data::leak_name(kind)}, {"samples", count}});
  }

  void warn_about_giveaways() const {
    std::vector<std::string> modalities;
    for (const auto& [modality, feature] : config.data.features) {
      if (std::holds_alternative<features::ValuesFeature>(feature)) modalities.push_back(modality);
    }
    for (const auto& found : data::find_giveaways(*store, split.train, config.data.tasks, modalities)) {
      log::warn(
          "feature_gives_label_away",
          {{"modality", found.modality}, {"column", found.column}, {"task", found.task}, {"why", found.why}});
    }
  }

  /// A line of RUN/quarantine.jsonl; a resumed run meets the same streams again and leaves them as they are.
  void write_quarantine(const data::BadStream& bad) {
    const std::string path = run / "quarantine.jsonl";
    if (!quarantined) {
      quarantined.emplace();
      if (std::filesystem::exists(path)) {
        formats::JsonlReader lines(path);
        for (json line; lines.next(line);)
          quarantined->insert({line.value("id", std::string()), line.value("modality", std::string())});
      }
    }
    if (!quarantined->insert({bad.id, bad.modality}).second) return;
    formats::JsonlAppender(path).write({{"id", bad.id}, {"modality", bad.modality}, {"reason", bad.reason}});
  }

  /// A subject's scale is made of all that the store has of the subject: where people are in several parts,
  /// of tested samples too (their labels stay unseen).
  void warn_about_shared_scales() const {
    const auto has = [&](data::LeakKind kind) { return split.leaks.counts.count(kind) != 0; };
    const bool shares_people = std::holds_alternative<data::TimeBlocksProtocol>(config.data.split) ||
                               has(data::LeakKind::kSubject) || has(data::LeakKind::kPerson);
    for (const auto& [modality, feature] : config.data.features) {
      const auto* values = std::get_if<features::ValuesFeature>(&feature);
      if (values == nullptr || !shares_people || values->normalise != features::Normalise::kSubject) continue;
      log::warn("scale_of_shared_subjects",
                {{"modality", modality},
                 {"effect",
                  "normalise: subject sees the tested samples of people that also train, without labels"}});
    }
  }

  void warn_about_absent_classes() const {
    for (const auto& task : tasks) {
      const auto& of_task = counts.at(task.task);
      for (size_t c = 0; c < of_task.size(); ++c) {
        if (of_task[c] == 0)
          log::warn("class_absent", {{"task", task.task}, {"class", task.classes[c]}, {"part", "train"}});
      }
    }
  }

  /// How much time one training sample of a modality spans.
  struct Timing {
    double window_s = 0;  ///< median length; 0 = stills
    double rate_hz = 0;
  };
  Timing timing_of(const std::string& modality) const {
    constexpr size_t kEnough = 101;
    std::vector<double> lengths_s;
    Timing timing;
    const bool hears = features::takes_waveform(config.data.features.at(modality));
    const size_t stride = std::max<size_t>(1, split.train.size() / kEnough);
    for (size_t i = 0; i < split.train.size(); i += stride) {
      const auto stream = train_loader->features_of(split.train[i], modality);
      if (!stream.values.defined()) continue;
      timing.rate_hz = stream.rate_hz;
      if (hears) {
        // Of the sound itself: functionals are one frame, however long the clip is.
        const auto wave = store->samples().stream(data::stream_name::kAudioWave, split.train[i]);
        lengths_s.push_back(static_cast<double>(wave.num_frames) / wave.rate_hz);
      } else {
        lengths_s.push_back(stream.rate_hz > 0 ? static_cast<double>(stream.values.size(0)) / stream.rate_hz
                                               : 0.0);
      }
    }
    if (lengths_s.empty()) return timing;
    std::nth_element(lengths_s.begin(), lengths_s.begin() + static_cast<int64_t>(lengths_s.size() / 2),
                     lengths_s.end());
    timing.window_s = lengths_s[lengths_s.size() / 2];
    return timing;
  }

  int64_t total_steps() const { return config.train.epochs * train_loader->num_batches(); }

  /// Shapes of the model's inputs, from the first training sample that has the modality.
  std::map<std::string, affect::StreamShape> input_shapes() const {
    std::map<std::string, affect::StreamShape> shapes;
    for (const auto& [modality, feature] : config.data.features) {
      for (const int64_t sample_idx : split.train) {
        const auto stream = train_loader->features_of(sample_idx, modality);
        if (!stream.values.defined() || stream.values.size(0) == 0) continue;
        shapes[modality] = {stream.values.sizes().slice(1).vec(), features::vocabulary_size(feature)};
        break;
      }
      require(
          shapes.count(modality) == 1, ErrorCode::kData,
          fmt::format("{}: no training sample has the modality '{}'", config.data.shown_stores(), modality));
    }
    return shapes;
  }

  void set_input_statistics(model::MultimodalModel& of_model) {
    const auto wanting = of_model.modalities_wanting_statistics();
    if (wanting.empty()) return;
    // The training loader's own: what is computed here is in its cache when the first epoch begins.
    if (statistics.empty()) statistics = data::compute_input_statistics(*train_loader);
    for (const auto& modality : wanting) {
      of_model.set_input_statistics(modality, statistics.at(modality).mean_F, statistics.at(modality).std_F);
    }
  }

  /// Further views for the objectives that compare them: data.views, then data.augment again.
  void set_views() {
    auto views = config.data.views;
    const auto wanted = static_cast<size_t>(learner->num_views());
    require(
        views.size() >= wanted || !config.data.augment.empty(), ErrorCode::kConfig,
        fmt::format("the objectives compare {} views of a sample, but data.views has {} and data.augment is "
                    "empty: they would be equal",
                    wanted + 1, views.size() + 1));
    views.resize(wanted, config.data.augment);
    train_loader->set_views(views);
  }

  /// One optimizer step. A loss or gradient that is not finite changes nothing and is reported.
  void step(const affect::Batch& batch) {
    const double scale =
        lr_scale(config.train.schedule, learner->num_steps(), train_loader->num_batches(), total_steps());
    const double progress = static_cast<double>(learner->num_steps()) / static_cast<double>(total_steps());
    const auto result = learner->step(batch, std::min(progress, 1.0), scale);
    last_loss = result.loss;
    last_grad_norm = result.grad_norm;
    last_lr = scale * learner->lr();
    if (!result.is_applied) {
      report_skipped_step(batch, result.loss);
      return;
    }
    skipped_in_a_row = 0;
    loss_mean.add(result.loss, batch.size());
    // One term is the loss itself.
    if (result.terms.size() == 1) return;
    for (const auto& [name, term] : result.terms) term_means[name].add(term, batch.size());
  }

  void report_skipped_step(const affect::Batch& batch, double loss) {
    constexpr int kMostInARow = 10;
    ++skipped_in_a_row;
    log::warn("step_skipped",
              {{"step", learner->num_steps() - 1}, {"loss", loss}, {"samples", core::join(batch.ids)}});
    run.log_event({{"event", "step_skipped"},
                   {"epoch", epoch + 1},
                   {"step", learner->num_steps() - 1},
                   {"samples", batch.ids}});
    require(
        skipped_in_a_row <= kMostInARow, ErrorCode::kDiverged,
        fmt::format(
            "{}: {} steps in a row had no finite loss or gradient; lower train.optimizer.lr or look at the "
            "samples in metrics.jsonl; the last good checkpoint is kept",
            run.path(), skipped_in_a_row));
  }

  std::map<std::string, eval::TaskPredictions> validate() {
    learner->swap_averaged();
    auto predictions = eval::predict(*model, *val_loader);
    learner->swap_averaged();
    return predictions;
  }

  /// The test part of this epoch into its own record. Nothing that trains or selects is touched: not the
  /// weights, not the random generator, not the checkpoint.
  void consult_oracle() {
    if (!oracle) return;
    auto generator = at::detail::getDefaultCPUGenerator();
    const auto random_state = generator.get_state().clone();
    learner->swap_averaged();
    const auto test = eval::predict(*model, *test_loader);
    learner->swap_averaged();
    generator.set_state(random_state);
    oracle->add(epoch, learner->num_steps(), test, notes());
  }

  eval::ResultNotes notes() const { return {"clean", split.leaks.counts_by_name()}; }

  /// results.csv: the epochs as they were selected on validation, then the oracle's.
  void write_results() const {
    std::vector<json> rows = history;
    for (auto& row : rows) row["selection"] = "clean";
    if (oracle) rows.insert(rows.end(), oracle->rows().begin(), oracle->rows().end());
    if (!split.leaks.empty()) {
      std::string leaks;
      for (const auto& [kind, count] : split.leaks.counts_by_name())
        leaks += fmt::format("{}{}:{}", leaks.empty() ? "" : " ", kind, count);
      for (auto& row : rows) row["leaks"] = leaks;
    }
    run.write_results(rows);
  }

  void save(bool is_best) {
    Checkpoint checkpoint;
    learner->save(checkpoint);
    checkpoint.torch_rng = at::detail::getDefaultCPUGenerator().get_state();
    checkpoint.state = std::make_shared<json>(json{{"epoch", epoch},
                                                   {"batch", next_batch},
                                                   {"loss_mean", loss_mean},
                                                   {"term_means", term_means},
                                                   {"skipped_in_a_row", skipped_in_a_row},
                                                   {"best_value", best_value},
                                                   {"best_epoch", best_epoch},
                                                   {"epochs_without_best", epochs_without_best},
                                                   {"history", history},
                                                   {"num_threads", core::num_threads()},
                                                   {"split_hash", split.hash},
                                                   {"data_hash", store->content_hash()},
                                                   {"version", 1}});
    checkpoints.save(checkpoint, is_best);
    last_save = Clock::now();
  }

  /// @return whether there was a checkpoint
  bool restore() {
    const auto found = checkpoints.load_newest();
    if (!found) return false;
    const json& state = *found->state;
    require(
        state.value("data_hash", "") == store->content_hash() && state.value("split_hash", "") == split.hash,
        ErrorCode::kModel,
        run.path() + ": the store or the split is not the one that the run was trained on");
    if (state.value("num_threads", 0) != core::num_threads()) {
      log::warn("threads_differ", {{"then", state.value("num_threads", 0)},
                                   {"now", core::num_threads()},
                                   {"effect", "results differ in the last digits"}});
    }
    learner->restore(*found);
    auto generator = at::detail::getDefaultCPUGenerator();
    generator.set_state(found->torch_rng);
    epoch = state.at("epoch");
    next_batch = state.at("batch");
    loss_mean = state.at("loss_mean").get<RunningMean>();
    term_means = state.at("term_means").get<std::map<std::string, RunningMean>>();
    skipped_in_a_row = state.at("skipped_in_a_row");
    best_value = state.at("best_value").is_null() ? NAN : state.at("best_value").get<double>();
    best_epoch = state.at("best_epoch");
    epochs_without_best = state.at("epochs_without_best");
    history = state.at("history").get<std::vector<json>>();
    if (oracle) oracle->restore(epoch);
    run.rewind_events(epoch);
    write_results();
    run.log_event({{"event", "resumed"}, {"epoch", epoch}, {"step", learner->num_steps()}});
    log::info("resumed", {{"epoch", epoch}, {"step", learner->num_steps()}});
    return true;
  }

  /// @return false when a signal asked for a stop; the state is saved then
  bool train_epoch() {
    const auto module = model->as_module();
    module->train();
    train_loader->begin_epoch(epoch, next_batch);
    const double wait_before = train_loader->wait_s();
    const data::LoaderProfile profile_before = train_loader->profile();
    core::Progress bar(fmt::format("ep {}/{}", epoch + 1, config.train.epochs),
                       train_loader->epoch_batches() - next_batch);
    while (auto batch = train_loader->next()) {
      step(*batch);
      ++next_batch;
      bar.set_data_wait(train_loader->wait_s() - wait_before);
      bar.step({{"loss", fmt::format("{:.3f}", last_loss)},
                {"grad", fmt::format("{:.2f}", last_grad_norm)},
                {"lr", fmt::format("{:.1e}", last_lr)}});
      if (core::stop_signal() != 0) {
        save(/*is_best=*/false);
        return false;
      }
      const double save_after_s = 60 * config.train.checkpoint_minutes;
      if (save_after_s > 0 && seconds_since(last_save) > save_after_s &&
          next_batch < train_loader->epoch_batches()) {
        save(/*is_best=*/false);
      }
    }
    bar.finish();
    data_wait_s = train_loader->wait_s() - wait_before;
    data::LoaderProfile of_epoch = train_loader->profile();
    of_epoch.num_frames -= profile_before.num_frames;
    of_epoch.num_padded_frames -= profile_before.num_padded_frames;
    padding_share = of_epoch.padding_share();
    return true;
  }

  /// Validates, writes the epoch down, saves. @return whether this epoch is the best so far
  bool finish_epoch(Clock::time_point epoch_start) {
    const double train_s = seconds_since(epoch_start);
    const auto validation = validate();
    const auto& first_task = validation.at(tasks.front().task);
    const bool is_last_chosen = selected_by == kLastEpoch;
    const double value = is_last_chosen ? static_cast<double>(epoch + 1) : first_task.value(selected_by);
    const bool is_best = is_last_chosen || best_epoch == 0 || is_better(selected_by, value, best_value);
    const double delta = best_epoch == 0 ? 0 : value - best_value;
    if (is_best) {
      best_value = value;
      best_epoch = epoch + 1;
      epochs_without_best = 0;
    } else {
      ++epochs_without_best;
    }

    const double train_loss = loss_mean.value();
    json row = {
        {"epoch", epoch + 1}, {"step", learner->num_steps()}, {"train/loss", train_loss}, {"lr", last_lr}};
    for (const auto& [name, mean] : term_means) row["train/loss/" + name] = mean.value();
    for (const auto& [name, task] : validation) {
      row["val/" + name + "/loss"] = task.loss;
      for (const auto& of_task : eval::task_metric_names(task.labels))
        row["val/" + name + "/" + of_task] = task.value(of_task);
    }
    std::string shown;
    for (const auto& name : shown_metrics(first_task.labels)) {
      shown += fmt::format("  {} {:.4f}", name, first_task.value(name));
    }
    history.push_back(row);
    json event = row;
    event["event"] = "epoch";
    event["seconds"] = seconds_since(epoch_start);
    event["data_wait_share"] = train_s > 0 ? data_wait_s / train_s : 0.0;
    event["padding_share"] = padding_share;
    const int64_t num_bad = train_loader->num_bad_samples() + val_loader->num_bad_samples();
    if (config.data.loader.skip_bad) event["bad_samples"] = num_bad;
    event["peak_memory_bytes"] = core::peak_resident_bytes();
    const std::string stars = is_best ? fmt::format(" ({:+.4f}) * saved", delta) : "";
    const std::string patience =
        config.train.early_stopping.patience > 0
            ? fmt::format(" | patience {}/{}", epochs_without_best, config.train.early_stopping.patience)
            : "";
    const std::string bad = num_bad > 0 ? fmt::format(" | {} bad samples", num_bad) : "";
    log::info(fmt::format(
        "ep {:>3}/{}  loss {:.4f}{}  val loss {:.4f} | best ep {} {} {:.4f}{}{}{} | {:.1f} s, data {:.0f} %",
        epoch + 1, config.train.epochs, train_loss, shown, first_task.loss, best_epoch, selected_by,
        best_value, stars, patience, bad, seconds_since(epoch_start),
        train_s > 0 ? 100 * data_wait_s / train_s : 0.0));

    ++epoch;
    next_batch = 0;
    loss_mean = {};
    term_means.clear();
    consult_oracle();
    save(is_best);
    run.log_event(event);
    write_results();
    log_to_tensorboard();
    return is_best;
  }

  /// The newest row of the history into RUN/tb, where every process has a file of its own. A resumed one
  /// begins with the row before: its writer may have been killed between checkpoint and event, or have got
  /// further than that.
  void log_to_tensorboard() {
    size_t row_idx = history.size() - 1;
    if (!tensorboard) {
      tensorboard = std::make_unique<formats::TfeventsWriter>(run / "tb");
      tensorboard->start_session(row_idx > 0 ? history[--row_idx].at("step").get<int64_t>() : 0);
    }
    for (; row_idx < history.size(); ++row_idx) {
      const json& row = history[row_idx];
      const auto step = row.at("step").get<int64_t>();
      for (const auto& [name, value] : row.items()) {
        if (value.is_number() && name != "epoch" && name != "step")
          tensorboard->scalar(name, value.get<double>(), step);
      }
    }
    tensorboard->flush();
  }

  ExperimentConfig config;
  RunFolder& run;
  CheckpointStore checkpoints;
  std::shared_ptr<const data::Store> store;
  std::vector<affect::LabelSpace> tasks;
  std::string selected_by;  ///< metric of the first task on validation
  data::Split split;
  TrainingSupervision supervision;
  std::unique_ptr<data::Loader> train_loader;
  std::unique_ptr<data::Loader> val_loader;
  std::unique_ptr<data::Loader> test_loader;  ///< for the oracle
  std::unique_ptr<OracleRecord> oracle;
  std::map<std::string, model::StreamShape> inputs;
  std::map<std::string, data::InputStatistics> statistics;  ///< once somebody has asked for them
  std::shared_ptr<model::MultimodalModel> model;
  std::map<std::string, std::vector<int64_t>> counts;
  std::unique_ptr<Learner> learner;
  std::unique_ptr<formats::TfeventsWriter> tensorboard;  ///< from the first epoch of this process on

  // What a checkpoint holds beside tensors.
  int64_t epoch = 0;       ///< epochs done
  int64_t next_batch = 0;  ///< of the epoch under way
  RunningMean loss_mean;
  std::map<std::string, RunningMean> term_means;  ///< of the objectives' terms, before weights
  int skipped_in_a_row = 0;
  double best_value = NAN;
  int64_t best_epoch = 0;
  int64_t epochs_without_best = 0;
  std::vector<json> history;

  // What only the screen shows.
  double last_loss = 0;
  double last_grad_norm = 0;
  double last_lr = 0;
  double data_wait_s = 0;
  double padding_share = 0;
  std::optional<std::set<std::pair<std::string, std::string>>> quarantined;  ///< id, modality
  Clock::time_point last_save = Clock::now();
};

Trainer::Trainer(const ExperimentConfig& config, RunFolder& run)
    : impl_(std::make_unique<Impl>(config, run)) {}
Trainer::~Trainer() = default;

std::string Trainer::summary() const {
  return data_summary() + model::summary_text(model::model_summary(*impl_->model));
}

std::string Trainer::data_summary() const {
  const auto& in = *impl_;
  std::string text =
      fmt::format("data   {}  train {}  val {}  test {}\n       {}\n", in.config.data.shown_stores(),
                  in.split.train.size(), in.split.val.size(), in.split.test.size(), in.split.description);
  for (const auto& task : in.tasks) {
    text += fmt::format("task   {} ({} {}):", task.task, task.num_classes(),
                        task.has_classes()                                  ? "classes"
                        : task.traits.kind == affect::TaskKind::kMultiLabel ? "labels"
                                                                            : "values");
    const auto& of_task = in.counts.at(task.task);
    for (size_t c = 0; c < task.classes.size(); ++c)
      text += fmt::format(" {} {}", task.classes[c], of_task[c]);
    if (const auto levels = in.supervision.by_task.find(task.task); levels != in.supervision.by_task.end())
      text += fmt::format(" (of {} labelled, {} weakly labelled samples)",
                          levels->second->count(affect::kFullSupervision),
                          levels->second->count(affect::kWeakSupervision));
    text += "\n";
  }
  return text;
}

model::CostReport Trainer::dry_run() {
  auto& in = *impl_;
  in.model->as_module()->train();
  in.train_loader->begin_epoch(0);
  model::CostReport cost;
  if (auto batch = in.train_loader->next()) {
    in.step(*batch);
    cost = model::measure_cost(*in.model, *batch);
  }
  in.val_loader->begin_epoch(0);
  if (auto batch = in.val_loader->next()) in.model->forward(*batch);
  return cost;
}

FitResult Trainer::fit(int64_t max_epochs) {
  auto& in = *impl_;
  in.write_weak_reports();
  in.restore();
  in.last_save = Clock::now();
  FitResult result;
  const int64_t patience = in.config.train.early_stopping.patience;
  const int64_t pause_at = max_epochs > 0 ? in.epoch + max_epochs : in.config.train.epochs;
  result.end = FitResult::End::kFinished;
  while (in.epoch < in.config.train.epochs) {
    if (patience > 0 && in.epochs_without_best >= patience) {
      result.end = FitResult::End::kStoppedEarly;
      break;
    }
    if (in.epoch >= pause_at) {
      result.end = FitResult::End::kPaused;
      break;
    }
    const auto epoch_start = Clock::now();
    if (!in.train_epoch()) {
      result.end = FitResult::End::kSignal;
      result.signal = core::stop_signal();
      break;
    }
    in.finish_epoch(epoch_start);
  }
  result.epochs_done = in.epoch;
  result.best_epoch = in.best_epoch;
  result.best_value = in.best_value;
  return result;
}

void Trainer::write_bundle() const {
  const auto& in = *impl_;
  const auto best = in.checkpoints.load("best");
  model::BundleInfo info;
  info.name = in.config.name;
  info.tasks = in.tasks;
  info.features = in.config.data.model_features();
  info.model = in.config.model;
  info.trained_on = {in.store->info().name};
  info.licences = {in.store->info().licence};
  for (const auto& [modality, feature] : info.features) {
    info.inputs[modality] = in.inputs.at(modality);
    const auto timing = in.timing_of(modality);
    info.window_s[modality] = timing.window_s;
    info.input_rate_hz[modality] = timing.rate_hz;
  }
  if (in.best_epoch > 0) {
    for (const auto& [name, value] : in.history[static_cast<size_t>(in.best_epoch - 1)].items()) {
      if (name.rfind("val/", 0) == 0 && value.is_number())
        info.validation[name.substr(4)] = value.get<double>();
    }
  }
  if (in.config.train.calibrate) {
    const auto chosen = in.model->copy();
    nn::load_state(*chosen->as_module(), best.model);
    info.calibration = calibrate(*chosen, *in.val_loader);
    for (const auto& [task, found] : info.calibration) {
      in.run.log_event({{"event", "calibrated"},
                        {"task", task},
                        {"temperature", found.temperature},
                        {"nll_before", found.nll_before},
                        {"nll_after", found.nll_after},
                        {"ece_before", found.ece_before},
                        {"ece_after", found.ece_after}});
      log::info("calibrated", {{"task", task},
                               {"temperature", found.temperature},
                               {"nll_before", found.nll_before},
                               {"nll_after", found.nll_after},
                               {"ece_before", found.ece_before},
                               {"ece_after", found.ece_after}});
    }
  }
  model::write_bundle(info, best.model, in.run / "bundle");
}

nlohmann::json Trainer::data_manifest() const {
  const auto& in = *impl_;
  json corpora = json::array();
  for (const auto& member : in.store->members())
    corpora.push_back(
        {{"store", member->path()}, {"name", member->info().name}, {"content_hash", member->content_hash()}});
  json dropped = json::object();
  for (const auto& [kind, count] : in.split.num_dropped) dropped[data::leak_name(kind)] = count;
  constexpr size_t kMaxListed = 20;
  json listed = json::array();
  for (const auto& leak : in.split.leaks.leaks) {
    if (listed.size() < kMaxListed)
      listed.push_back(std::string(data::leak_name(leak.kind)) + ": " + text_of(leak));
  }
  return {{"store", in.config.data.shown_stores()},
          {"split_hashes", in.split.part_hashes},
          {"leaks", in.split.leaks.counts_by_name()},
          {"leak_examples", listed},
          {"dropped", dropped},
          {"name", in.store->info().name},
          {"content_hash", in.store->content_hash()},
          {"corpora", std::move(corpora)},
          {"split", in.split.description},
          {"split_hash", in.split.hash},
          {"train", in.split.train.size()},
          {"val", in.split.val.size()},
          {"test", in.split.test.size()}};
}

bool Trainer::has_test_part() const {
  return !impl_->split.test.empty();
}

}  // namespace limbic::train
