#include "limbic/train/checkpoint.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/hash.h"
#include "limbic/core/log.h"
#include "limbic/formats/safetensors.h"

namespace limbic::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::string_view kStepPrefix = "step-";
constexpr uint64_t kMaxStateBytes = 64 << 20;

/// Steps of the checkpoints in `directory`, newest first: by the number in the name, never by file time.
std::vector<int64_t> steps_in(const std::string& directory) {
  std::vector<int64_t> steps;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind(kStepPrefix, 0) != 0) continue;
    const std::string digits = name.substr(kStepPrefix.size());
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos) continue;
    steps.push_back(std::stoll(digits));
  }
  std::sort(steps.rbegin(), steps.rend());
  return steps;
}

std::string step_name(int64_t step) {
  return fmt::format("{}{:08}", kStepPrefix, step);
}

json read_state(const std::string& path) {
  json file;
  try {
    file = json::parse(core::read_file(path, kMaxStateBytes));
  } catch (const json::exception& e) {
    throw Error(ErrorCode::kModel, path + ": not JSON: " + e.what());
  } catch (const Error& e) {
    throw Error(ErrorCode::kModel, e.what());
  }
  const bool is_whole = file.is_object() && file.contains("state") && file.contains("sha256") &&
                        file["sha256"].is_string() &&
                        core::sha256_hex(file["state"].dump()) == file["sha256"].get<std::string>();
  require(is_whole, ErrorCode::kModel, path + ": damaged: its digest does not match");
  return file["state"];
}

Checkpoint read_checkpoint(const std::string& directory) {
  Checkpoint checkpoint;
  checkpoint.state = std::make_shared<json>(read_state(directory + "/state.json"));
  checkpoint.model = formats::read_safetensors(directory + "/model.safetensors").tensors;
  const auto optim = formats::read_safetensors(directory + "/optim.safetensors").tensors;
  checkpoint.optimizer = tensors_below(optim, "optimizer.");
  checkpoint.raw_model = tensors_below(optim, "raw.");
  checkpoint.learning = tensors_below(optim, "learning.");
  const auto rng = optim.find("torch_rng");
  require(rng != optim.end() && checkpoint.state->contains("step"), ErrorCode::kModel,
          directory + ": not a training checkpoint");
  checkpoint.torch_rng = rng->second;
  checkpoint.step = checkpoint.state->at("step").get<int64_t>();
  return checkpoint;
}

}  // namespace

Checkpoint::Tensors tensors_below(const Checkpoint::Tensors& all, const std::string& prefix) {
  Checkpoint::Tensors part;
  for (const auto& [name, tensor] : all) {
    if (name.rfind(prefix, 0) == 0) part[name.substr(prefix.size())] = tensor;
  }
  return part;
}

CheckpointStore::CheckpointStore(std::string directory) : directory_(std::move(directory)) {
  std::error_code ec;
  fs::create_directories(directory_, ec);
  require(!ec, ErrorCode::kStorage, directory_ + ": cannot make the directory: " + ec.message());
  core::sweep_stale_temps(directory_);
}

void CheckpointStore::save(const Checkpoint& checkpoint, bool is_best) {
  const std::string name = step_name(checkpoint.step);
  const std::string target = directory_ + "/" + name;
  const std::string temp = core::temp_name_for(target);
  try {
    formats::TensorMap optim;
    for (const auto& [key, tensor] : checkpoint.optimizer) optim["optimizer." + key] = tensor;
    for (const auto& [key, tensor] : checkpoint.raw_model) optim["raw." + key] = tensor;
    for (const auto& [key, tensor] : checkpoint.learning) optim["learning." + key] = tensor;
    optim["torch_rng"] = checkpoint.torch_rng;
    formats::write_safetensors(temp + "/model.safetensors", checkpoint.model);
    formats::write_safetensors(temp + "/optim.safetensors", optim);
    json state = *checkpoint.state;
    state["step"] = checkpoint.step;
    core::write_file(temp + "/state.json",
                     json{{"sha256", core::sha256_hex(state.dump())}, {"state", state}}.dump(1));
    // The same step again (a resumed run that stopped at once): the old one is as good and stays until now.
    if (fs::exists(target)) fs::remove_all(target);
    core::publish_directory(temp, target);
  } catch (...) {
    std::error_code ec;
    fs::remove_all(temp, ec);
    throw;
  }
  core::replace_symlink(name, directory_ + "/last");
  if (is_best) core::replace_symlink(name, directory_ + "/best");
  prune();
}

std::optional<Checkpoint> CheckpointStore::load_newest() {
  std::string reasons;
  for (const int64_t step : steps_in(directory_)) {
    const std::string path = directory_ + "/" + step_name(step);
    try {
      return read_checkpoint(path);
    } catch (const Error& e) {
      log::warn("checkpoint_damaged", {{"path", path}, {"reason", e.what()}});
      reasons += (reasons.empty() ? "" : "; ") + std::string(e.what());
      std::error_code ec;
      fs::rename(path, path + ".corrupt", ec);
    }
  }
  if (reasons.empty()) return std::nullopt;
  throw Error(ErrorCode::kModel, directory_ + ": no usable checkpoint: " + reasons + "; start a new run");
}

bool CheckpointStore::has_any() const {
  return fs::exists(directory_ + "/last");
}

Checkpoint CheckpointStore::load(const std::string& link) const {
  const std::string path = directory_ + "/" + link;
  require(fs::exists(path), ErrorCode::kModel, path + ": no such checkpoint; has the run finished an epoch?");
  return read_checkpoint(path);
}

void CheckpointStore::prune() const {
  constexpr size_t kKeepNewest = 2;  // the newest may yet turn out damaged
  std::error_code ec;
  const std::string best = fs::read_symlink(directory_ + "/best", ec).string();
  const auto steps = steps_in(directory_);
  for (size_t i = kKeepNewest; i < steps.size(); ++i) {
    if (step_name(steps[i]) != best) fs::remove_all(directory_ + "/" + step_name(steps[i]), ec);
  }
}

}  // namespace limbic::train
