#include "pretrained/checkpoint.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/formats/safetensors.h"
#include "limbic/nn/state.h"

namespace limbic::nn {
namespace {

namespace fs = std::filesystem;

constexpr size_t kNamesShown = 8;
constexpr const char* kWeightsFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";

bool begins_with(const std::string& text, const std::string& begin) {
  return text.compare(0, begin.size(), begin) == 0;
}

/// The files of a checkpoint: one, or the shards that an index names.
std::vector<std::string> checkpoint_files(const std::string& path) {
  if (!fs::is_directory(path)) {
    require(fs::exists(path), ErrorCode::kModel, path + ": no such file; expected pretrained weights");
    if (fs::path(path).filename() != kIndexFile) return {path};
  }
  const fs::path folder = fs::is_directory(path) ? fs::path(path) : fs::path(path).parent_path();
  if (fs::exists(folder / kWeightsFile)) return {(folder / kWeightsFile).string()};
  const auto index = (folder / kIndexFile).string();
  require(fs::exists(index), ErrorCode::kModel,
          path + ": neither " + kWeightsFile + " nor " + kIndexFile +
              " in it; PyTorch's own files are not read, save the model with save_pretrained(..., "
              "safe_serialization=True)");
  const auto json = nlohmann::json::parse(core::read_file(index), nullptr, /*allow_exceptions=*/false);
  require(json.is_object() && json.contains("weight_map") && json["weight_map"].is_object(),
          ErrorCode::kModel, index + ": not JSON with an object 'weight_map'");
  std::set<std::string> files;
  for (const auto& [name, file] : json["weight_map"].items()) {
    require(file.is_string(), ErrorCode::kModel, index + ": the file of '" + name + "' is no text");
    const auto leaf = file.get<std::string>();
    require(fs::path(leaf).filename() == leaf && !leaf.empty() && leaf[0] != '.', ErrorCode::kModel,
            index + ": '" + leaf + "' is no plain file name");
    files.insert((folder / leaf).string());
  }
  return {files.begin(), files.end()};
}

/// All tensors of the files, by name without the checkpoint's prefix.
struct Source {
  struct Place {
    size_t shard;
    std::string name;
  };
  std::vector<formats::SafetensorsShard> shards;
  std::map<std::string, Place> places;
};

/// TensorFlow's names of norms in the oldest BERT files.
std::string modern(std::string name) {
  for (const auto& [old, now] :
       {std::make_pair(std::string(".gamma"), ".weight"), std::make_pair(std::string(".beta"), ".bias")}) {
    if (name.size() > old.size() && name.compare(name.size() - old.size(), old.size(), old) == 0)
      return name.substr(0, name.size() - old.size()) + now;
  }
  return name;
}

/// `text` with every # replaced.
std::string numbered(const std::string& text, const std::string& number) {
  std::string result;
  for (const char c : text) result += c == '#' ? number : std::string(1, c);
  return result;
}

/// What a rule makes of one of our names; empty when it does not fit.
std::vector<std::string> apply_rule(const NameRule& rule, const std::string& ours) {
  const std::string pattern = rule.ours;
  const auto wild = pattern.find('#');
  std::string number;
  if (wild != std::string::npos && ours.size() > wild) {
    size_t end = wild;
    while (end < ours.size() && std::isdigit(static_cast<unsigned char>(ours[end])) != 0) ++end;
    number = ours.substr(wild, end - wild);
  }
  const auto begin = numbered(pattern, number);
  if ((wild != std::string::npos && number.empty()) || !begins_with(ours, begin)) return {};
  const auto rest = ours.substr(begin.size());
  if (!rest.empty() && rest[0] != '.') return {};
  std::vector<std::string> names;
  std::istringstream alternatives(rule.theirs);
  for (std::string one; std::getline(alternatives, one, '|');) {
    std::string half;
    if (one.size() > 3 && one.back() == ']') {
      half = one.substr(one.size() - 3);
      one.resize(one.size() - 3);
    }
    names.push_back(numbered(one, number) + rest + half);
  }
  return names;
}

std::vector<std::string> their_names(const NameTable& table, const std::string& ours) {
  for (const auto& rule : table.rules) {
    auto names = apply_rule(rule, ours);
    if (!names.empty()) return names;
  }
  return {ours};
}

/// Ours alone: not part of any checkpoint.
bool is_added(const std::string& name) {
  const auto leaf = name.substr(name.rfind('.') + 1);
  return leaf == "lora_a" || leaf == "lora_b" || leaf == "mix";
}

/// Sizes without leading ones: a class token may be (D), (1, D) or (1, 1, D).
std::vector<int64_t> core_sizes(at::IntArrayRef sizes) {
  auto begin = sizes.begin();
  while (begin != sizes.end() && *begin == 1) ++begin;
  return {begin, sizes.end()};
}

std::string list_text(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size() && i < kNamesShown; ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kNamesShown) text += ", ... (" + std::to_string(names.size()) + " in all)";
  return text;
}

std::string sizes_text(at::IntArrayRef sizes) {
  std::ostringstream text;
  text << sizes;
  return text.str();
}

Source open_source(const std::string& path) {
  Source source;
  for (const auto& file : checkpoint_files(path)) {
    source.shards.emplace_back(file, ErrorCode::kModel);
    for (const auto& name : source.shards.back().names())
      source.places[modern(name)] = {source.shards.size() - 1, name};
  }
  return source;
}

/// The prefix with which most of our names are found.
std::string prefix_of(const Source& source, const NameTable& table, const State& own) {
  std::string best;
  int64_t best_count = -1;
  for (const char* prefix : table.prefixes) {
    int64_t count = 0;
    for (const auto& [name, tensor] : own) {
      for (const auto& theirs : their_names(table, name)) count += source.places.count(prefix + theirs) > 0;
    }
    if (count > best_count) {
      best = prefix;
      best_count = count;
    }
  }
  return best;
}

/// One of our tensors from the file; undefined when none of its names is there.
at::Tensor read_tensor(const Source& source, const std::string& prefix, const std::vector<std::string>& names,
                       std::set<std::string>& used) {
  for (auto name : names) {
    int64_t half = -1;
    if (name.back() == ']') {
      half = name[name.size() - 2] - '0';
      name.resize(name.size() - 3);
    }
    const auto found = source.places.find(prefix + name);
    if (found == source.places.end()) continue;
    used.insert(found->first);
    auto tensor = source.shards[found->second.shard].read(found->second.name);
    if (half < 0) return tensor;
    if (tensor.dim() == 0 || tensor.size(0) % 2 != 0) return tensor;  // its shape is reported
    return tensor.chunk(2, 0)[static_cast<size_t>(half)];
  }
  return {};
}

}  // namespace

void load_checkpoint(torch::nn::Module& network, const PretrainedConfig& config, const NameTable& names) {
  const State own = state_of(network);
  const auto source = open_source(config.weights);
  const auto prefix = prefix_of(source, names, own);
  State loaded;
  std::set<std::string> used;
  std::vector<std::string> missing;
  std::vector<std::string> other_shape;
  for (const auto& [name, want] : own) {
    if (is_added(name)) continue;
    const auto theirs = their_names(names, name);
    const auto tensor = read_tensor(source, prefix, theirs, used);
    if (!tensor.defined()) {
      missing.push_back(prefix + theirs.front());
      continue;
    }
    if (core_sizes(tensor.sizes()) != core_sizes(want.sizes()) || !tensor.is_floating_point()) {
      other_shape.push_back(prefix + theirs.front() + " is " + sizes_text(tensor.sizes()) + ", want " +
                            sizes_text(want.sizes()));
      continue;
    }
    require(at::isfinite(tensor).all().item<bool>(), ErrorCode::kModel,
            config.weights + ": '" + prefix + theirs.front() + "' holds NaN or infinite values");
    loaded[name] = tensor.reshape(want.sizes());
  }
  std::vector<std::string> unexpected;
  for (const auto& [name, place] : source.places) {
    const auto is_named = [&, &full = name](const auto& begins) {
      return std::any_of(begins.begin(), begins.end(), [&](const std::string& begin) {
        return begins_with(full, begin) || begins_with(full, prefix + begin);
      });
    };
    if (used.count(name) == 0 && !is_named(names.unused) && !is_named(config.allow_unexpected))
      unexpected.push_back(name);
  }
  std::string problems;
  if (!missing.empty()) problems += "; missing: " + list_text(missing);
  if (!other_shape.empty()) problems += "; other shape: " + list_text(other_shape);
  if (!unexpected.empty())
    problems += "; unexpected: " + list_text(unexpected) +
                " (allow_unexpected leaves tensors out by the begin of their name)";
  require(problems.empty(), ErrorCode::kModel,
          config.weights + ": the weights do not fit the encoder" + problems);
  at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : loaded) at::Tensor(own.at(name)).copy_(tensor);
}

}  // namespace limbic::nn
