#include <ATen/ATen.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "limbic/cli/commands.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/build_info.h"
#include "limbic/core/error.h"
#include "limbic/core/progress.h"
#include "limbic/core/threads.h"
#include "limbic/core/torch_compat.h"
#include "limbic/media/codecs.h"
#include "limbic/vision/face_detector.h"

namespace limbic::cli {
namespace {

namespace fs = std::filesystem;

/// One line of the report.
struct Finding {
  enum class Grade { kOk, kNote, kBad } grade;
  std::string what;
  std::string hint;  ///< what to do about it
};

double gemm_gflops() {
  constexpr int64_t kSize = 1024;
  const auto a = at::rand({kSize, kSize});
  const auto b = at::rand({kSize, kSize});
  at::mm(a, b);
  const auto start = std::chrono::steady_clock::now();
  constexpr int kRepeats = 4;
  for (int i = 0; i < kRepeats; ++i) at::mm(a, b);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return kRepeats * 2.0 * kSize * kSize * kSize / seconds * 1e-9;
}

Finding check_blas() {
  const double rate = gemm_gflops();
  const std::string what =
      fmt::format("matrix products: {:.0f} GFLOP/s with {} threads", rate, core::num_threads());
  // Netlib's reference BLAS reaches about 5 a core; any tuned one far more.
  if (rate < 15.0 * core::num_threads()) return {Finding::Grade::kBad, what, "install libopenblas0-openmp"};
  return {Finding::Grade::kOk, what, ""};
}

Finding check_memory() {
  const auto pages = sysconf(_SC_AVPHYS_PAGES);
  const double gib = static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1073741824.0;
  const std::string what = fmt::format("free memory: {:.1f} GiB", gib);
  if (gib < 4) return {Finding::Grade::kNote, what, "lower data.loader.cache_mib and batch_size"};
  return {Finding::Grade::kOk, what, ""};
}

Finding check_disk() {
  std::error_code ec;
  const auto space = fs::space(".", ec);
  if (ec) return {Finding::Grade::kNote, "disk: unknown", ec.message()};
  const double gib = static_cast<double>(space.available) / 1073741824.0;
  const std::string what = fmt::format("free disk here: {:.1f} GiB", gib);
  if (gib < 5) return {Finding::Grade::kNote, what, "runs and stores need room"};
  return {Finding::Grade::kOk, what, ""};
}

Finding check_writing() {
  try {
    const std::string path = fmt::format("limbic-doctor-{}", getpid());
    core::write_file(path, "test");
    fs::remove(path);
    return {Finding::Grade::kOk, "writing here: works", ""};
  } catch (const Error& error) {
    return {Finding::Grade::kNote, "writing here: fails",
            std::string(error.what()) + "; use --out elsewhere"};
  }
}

Finding check_faces() {
  try {
    vision::build_face_detector();
    return {Finding::Grade::kOk, "face cascades: found", ""};
  } catch (const Error& error) {
    return {Finding::Grade::kBad, "face cascades: missing", error.what()};
  }
}

Finding check_corpora() {
  const char* directory = std::getenv("LIMBIC_DATA");
  const std::string path = directory != nullptr ? directory : "../shared/data";
  if (fs::is_directory(path)) return {Finding::Grade::kOk, "real corpora: " + path, ""};
  return {Finding::Grade::kNote, "real corpora: none at " + path,
          "set LIMBIC_DATA; without them only simulated data and your own are there"};
}

void run_doctor(Context& context) {
  core::set_num_threads(0);
  for (const auto& [name, value] : core::environment())
    std::printf("%-12s %s\n", name.c_str(), value.c_str());
  std::printf("%-12s %s\n\n", "accelerator", core::accelerator_text().c_str());

  std::vector<Finding> findings{check_blas(), check_memory(), check_disk(), check_writing(), check_faces()};
  for (const auto& codec : media::wanted_codecs()) {
    findings.push_back(
        {codec.is_there ? Finding::Grade::kOk : Finding::Grade::kBad,
         fmt::format("codec {} ({}): {}", codec.name, codec.purpose, codec.is_there ? "found" : "missing"),
         codec.is_there ? "" : "install a full FFmpeg build"});
  }
  findings.push_back(check_corpora());
  bool is_well = true;
  for (const auto& finding : findings) {
    const char* mark = finding.grade == Finding::Grade::kOk     ? "ok  "
                       : finding.grade == Finding::Grade::kNote ? "note"
                                                                : "BAD ";
    std::printf("%s  %s%s%s\n", mark, finding.what.c_str(), finding.hint.empty() ? "" : "; ",
                finding.hint.c_str());
    is_well = is_well && finding.grade != Finding::Grade::kBad;
  }
  if (!is_well) context.exit_code = static_cast<int>(ErrorCode::kResource);
}

}  // namespace

void add_doctor(CLI::App& app, Context& context) {
  CLI::App* doctor = app.add_subcommand("doctor", "Is this machine set up well?");
  doctor->callback([&context] { run_doctor(context); });
}

}  // namespace limbic::cli
