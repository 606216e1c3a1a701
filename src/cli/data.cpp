#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "limbic/cli/commands.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/data/check.h"
#include "limbic/data/importer.h"
#include "limbic/data/join.h"
#include "limbic/data/merge.h"
#include "limbic/data/store.h"
#include "limbic/data/store_page.h"

namespace limbic::cli {
namespace {

std::string importer_list() {
  std::string text = "\nKinds:\n";
  for (const auto& importer : data::importers())
    text += fmt::format("  {:<14} {}\n", importer.kind, importer.doc);
  return text;
}

void add_data_import(CLI::App& data) {
  struct Args {
    std::string kind, source, out, part;
    data::ImportOptions options;
  };
  auto args = std::make_shared<Args>();
  CLI::App* import = data.add_subcommand("import", "A corpus becomes a store");
  import->footer(importer_list());
  import->add_option("kind", args->kind, "corpus kind, see below")->required();
  import->add_option("source", args->source, "the corpus as it was downloaded")->required();
  import->add_option("--out", args->out, "store folder")->required();
  import->add_option("--workers", args->options.num_workers, "threads");
  import->add_option("--face-size", args->options.face_size, "side of face crops, pixels");
  import->add_option("--face-channels", args->options.face_channels, "1 grey, 3 RGB");
  import->add_option("--face-rate", args->options.face_rate_hz, "face crops per second of video");
  import->add_option("--window", args->options.window_s, "seconds of a window of sensor recordings");
  import->add_option("--step", args->options.step_s, "seconds from window to window");
  import->add_option("--rate", args->options.feature_rate_hz, "frames per second of Py-Feat files");
  import->add_option("--task", args->options.label_task, "task of a folder's or table's labels");
  import->add_flag("!--whole-pictures", args->options.find_faces,
                   "pictures are faces already: do not look for any");
  import->add_option("--limit", args->options.limit, "at most this many samples; 0 = all");
  import->add_flag("--skip-bad", args->options.skip_bad,
                   "quarantine unreadable files (at most 1 %) and go on");
  import->add_flag("--replace", args->options.replace, "take the place of a store with other content");
  import->add_option(
      "--shard", args->part,
      "make only part i of n (from 0) under OUT/parts, for `limbic data merge OUT`; in SLURM arrays "
      "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT");
  import->callback([args] {
    if (!args->part.empty()) args->options.part = data::parse_import_part(args->part);
  const auto report = data::import_corpus(args->kind, args->source, args->out, args->options);
  std::printf("%s: %lld samples, %zu quarantined, content %s\n", report.store.c_str(),
              static_cast<long long>(report.num_samples), report.quarantined.size(),
              report.content_hash.c_str());
});
}  // namespace

void add_data_join(CLI::App& data) {
  struct Args {
    std::vector<std::string> stores;
    std::string out, mode = "inner", time = "same";
    std::vector<std::string> by;
    data::JoinOptions options;
    bool replace = false;
  };
  auto args = std::make_shared<Args>();
  CLI::App* join =
      data.add_subcommand("join", "Streams of several stores of the same recordings become one store");
  join->add_option("stores", args->stores, "stores; samples and labels are the first one's")
      ->required()
      ->expected(2, 64);
  join->add_option("--out", args->out, "store folder")->required();
  join->add_option("--mode", args->mode,
                   "samples that are not in every store: inner leaves them out, left and outer keep "
                   "the first one's, or all")
      ->check(CLI::IsMember({"inner", "left", "outer"}));
  join->add_option("--by", args->by, "fields that must agree (default: all that every store knows)")
      ->delimiter(',')
      ->check(CLI::IsMember({"corpus", "subject", "session", "clip", "time"}));
  join->add_option("--time", args->time,
                   "same: starts and ends agree; overlap: most of the shorter is covered, longer "
                   "streams are cut to the first store's windows")
      ->check(CLI::IsMember({"same", "overlap"}));
  join->add_option("--tolerance", args->options.tolerance_s, "seconds by which the same times may differ");
  join->add_option("--min-overlap", args->options.min_overlap, "share of the shorter window, in (0, 1]");
  join->add_flag("--replace", args->replace, "take the place of a store with other content");
  join->callback([args] {
    for (const auto& [value, name] : enum_names(data::JoinMode{})) {
      if (args->mode == name) args->options.mode = value;
    }
    for (const auto& [value, name] : enum_names(data::TimeMatch{})) {
      if (args->time == name) args->options.time = value;
    }
    if (!args->by.empty()) args->options.by.clear();
    for (const auto& [value, name] : enum_names(data::KeyField{})) {
      if (std::find(args->by.begin(), args->by.end(), name) != args->by.end())
        args->options.by.push_back(value);
    }
    const auto report = data::join_stores(args->stores, args->out, args->options, args->replace);
    constexpr size_t kMostShown = 20;
    for (size_t k = 0; k < std::min(report.alone.size(), kMostShown); ++k)
      std::fprintf(stderr, "%s\n", report.alone[k].c_str());
    std::printf("%s: %lld samples, %zu without a partner, content %s\n", args->out.c_str(),
                static_cast<long long>(report.num_samples), report.alone.size(), report.content_hash.c_str());
  });
}

void add_data_merge(CLI::App& data) {
  struct Args {
    std::string store;
    bool replace = false;
  };
  auto args = std::make_shared<Args>();
  CLI::App* merge = data.add_subcommand("merge", "The parts of `import --shard` become one store");
  merge->add_option("store", args->store, "store folder, with its parts in parts/")->required();
  merge->add_flag("--replace", args->replace, "take the place of a store with other content");
  merge->callback([args] {
    const auto report = data::merge_parts(args->store, args->replace);
    std::printf("%s: %lld samples of %lld parts, content %s\n", args->store.c_str(),
                static_cast<long long>(report.num_samples), static_cast<long long>(report.num_parts),
                report.content_hash.c_str());
  });
}

void add_data_check(CLI::App& data, Context& context) {
  struct Args {
    std::string store;
    data::CheckOptions options;
    bool is_json = false;
  };
  auto args = std::make_shared<Args>();
  CLI::App* check = data.add_subcommand("check", "Read a whole store again: integrity, labels, leaks");
  check->add_option("store", args->store, "store folder")->required();
  check->add_flag("--near,!--no-near", args->options.near_duplicates,
                  "look for copies that differ in some bytes (on)");
  check->add_option("--threads", args->options.num_threads, "0 = every core")->check(CLI::Range(0, 256));
  check->add_flag("--json", args->is_json, "for scripts");
  check->callback([args, &context] {
    const auto report = data::check_store(args->store, args->options);
    std::fputs((args->is_json ? data::render_json(report) : data::render_text(report)).c_str(), stdout);
    if (!report.ok()) context.exit_code = static_cast<int>(ErrorCode::kData);
  });
}

void add_data_show(CLI::App& data) {
  struct Args {
    std::string store, sample, html;
    data::StorePageOptions page;
    bool is_json = false;
  };
  auto args = std::make_shared<Args>();
  CLI::App* show = data.add_subcommand("show", "What a store holds");
  show->add_option("store", args->store, "store folder")->required();
  show->add_option("--sample", args->sample, "everything about one sample, by id");
  show->add_option("--html", args->html, "write a page with samples to look at and listen to");
  show->add_option("--num", args->page.num_samples, "samples on the page");
  show->add_option("--seed", args->page.seed, "which ones are drawn");
  show->add_flag("--json", args->is_json, "for scripts");
  show->callback([args] {
    const auto store = data::Store::open(args->store);
    if (!args->html.empty()) {
      core::write_file(args->html, data::store_page(*store, args->page));
      std::printf("%s\n", args->html.c_str());
      return;
    }
    std::string text;
    if (!args->sample.empty()) {
      text = data::describe_sample(*store, args->sample);
    } else {
      const auto summary = data::summarize(*store);
      text = args->is_json ? data::render_json(summary, *store) : data::render_text(summary, *store);
    }
    std::fputs(text.c_str(), stdout);
  });
}

}  // namespace limbic::cli

void add_data(CLI::App& app, Context& context) {
  CLI::App* data = app.add_subcommand("data", "Stores: import, merge, join, check, show, bench");
  data->require_subcommand(1);
  add_data_import(*data);
  add_data_merge(*data);
  add_data_join(*data);
  add_data_check(*data, context);
  add_data_show(*data);
  add_data_bench(*data);
}

}  // namespace limbic::cli
