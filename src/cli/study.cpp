#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>

#include "limbic/cli/commands.h"
#include "limbic/core/error.h"
#include "limbic/core/interrupt.h"
#include "limbic/core/log.h"
#include "limbic/train/study.h"

extern char** environ;

namespace limbic::cli {
namespace {

namespace fs = std::filesystem;

struct StudyArgs {
  std::string study;
  std::string out;
  std::vector<std::string> only;
  int64_t jobs = 1;
  bool is_report_only = false;
};

/// A run that a signal stopped goes on; one that is whole stays; a half-made folder of a killed start is no
/// run.
std::vector<std::string> arguments_of(const train::StudyRun& run) {
  if (!run.cross_validate && fs::exists(run.folder + "/config.yaml"))
    return {"train", "--resume", run.folder};
  return run.arguments();
}

/// This program again, in a process of its own: every run has its own random generator, threads and memory.
/// Its log goes to FOLDER.log.
pid_t start(const train::StudyRun& run) {
  const std::string log = run.folder + ".log";
  fs::create_directories(fs::path(run.folder).parent_path());
  std::vector<std::string> arguments{"limbic", "--no-progress"};
  for (auto& argument : arguments_of(run)) arguments.push_back(std::move(argument));
  std::vector<char*> pointers;
  for (auto& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  pid_t pid = 0;
  const int failed = posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  require(failed == 0, ErrorCode::kResource, std::string("cannot start a run: ") + std::strerror(failed));
  return pid;
}

/// At most `jobs` at a time, and no variant before those in front of it are through: it may use their runs.
/// @return whether all ended well
bool run_all(const std::vector<train::StudyRun>& runs, int64_t jobs, Context& context) {
  std::map<pid_t, const train::StudyRun*> running;
  std::vector<std::string> failed;
  const auto wait_for_one = [&] {
    int status = 0;
    pid_t pid = 0;
    while ((pid = waitpid(-1, &status, 0)) < 0 && errno == EINTR) {
    }
    const auto found = running.find(pid);
    if (found == running.end()) return;
    const auto& run = *found->second;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && run.is_done()) {
      log::info(fmt::format("done   {}", run.folder));
    } else if (core::stop_signal() == 0) {
      failed.push_back(run.folder);
      log::warn("run_failed", {{"run", run.folder}, {"log", run.folder + ".log"}});
    }
    running.erase(found);
  };
  std::string variant;
  for (const auto& run : runs) {
    if (run.variant != variant) {
      while (!running.empty()) wait_for_one();
    }
    variant = run.variant;
    if (run.is_done()) continue;
    while (static_cast<int64_t>(running.size()) >= jobs) wait_for_one();
    if (core::stop_signal() != 0) break;
    log::info(fmt::format("start  {}", run.folder));
    running.emplace(start(run), &run);
  }
  while (!running.empty()) wait_for_one();
  if (core::stop_signal() != 0) {
    context.exit_code = 128 + core::stop_signal();
    log::screen("stopped; the same command goes on\n", /*is_bar=*/false);
  }
  return failed.empty() && core::stop_signal() == 0;
}

void run_study(const StudyArgs& args, Context& context) {
  const auto study = train::load_study(args.study);
  const std::string out = args.out.empty() ? "runs/" + study.name : args.out;
  auto runs = train::study_runs(study, args.study, out);
  for (const auto& name : args.only) {
    require(std::any_of(runs.begin(), runs.end(), [&](const auto& run) { return run.variant == name; }),
            ErrorCode::kConfig, "--only: there is no variant '" + name + "'");
  }
  fs::create_directories(out);
  if (!args.is_report_only) {
    auto chosen = runs;
    if (!args.only.empty()) {
      chosen.erase(std::remove_if(chosen.begin(), chosen.end(),
                                  [&](const auto& run) {
                                    return std::find(args.only.begin(), args.only.end(), run.variant) ==
                                           args.only.end();
                                  }),
                   chosen.end());
    }
    if (!run_all(chosen, args.jobs, context) && context.exit_code == 0)
      context.exit_code = static_cast<int>(ErrorCode::kInternal);
  }
  std::fputs(train::report_study(study, runs, out).c_str(), stdout);
}

}  // namespace

void add_study(CLI::App& app, Context& context) {
  auto args = std::make_shared<StudyArgs>();
  CLI::App* study =
      app.add_subcommand("study", "Train variants of a recipe with several seeds and compare them");
  study
      ->add_option("study", args->study,
                   "YAML: recipe, variants, seeds; e.g. configs/studies/wesad_privileged.yaml")
      ->required();
  study->add_option("--out", args->out,
                    "folder of the runs (default runs/<name>); runs that are done there are not repeated");
  study
      ->add_option("--jobs", args->jobs,
                   "runs at a time; set train.num_threads in the study to share the cores")
      ->check(CLI::PositiveNumber);
  study->add_option("--only", args->only, "train these variants only")->delimiter(',');
  study->add_flag("--report", args->is_report_only, "train nothing, report what is done");
  study->callback([args, &context] { run_study(*args, context); });
}

}  // namespace limbic::cli
