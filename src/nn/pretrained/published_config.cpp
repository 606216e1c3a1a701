#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/nn/pretrained.h"

namespace limbic::nn {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr const char* kConfigFile = "config.json";
constexpr const char* kProcessorFile = "preprocessor_config.json";

/// A JSON object and the file it is from.
struct Published {
  Json json;
  std::string path;
  bool is_there() const { return json.is_object(); }
};

Published read_published(const std::string& weights, const char* file) {
  if (weights.empty()) return {};
  const fs::path folder = fs::is_directory(weights) ? fs::path(weights) : fs::path(weights).parent_path();
  const auto path = (folder / file).string();
  if (!fs::exists(path)) return {};
  auto json = Json::parse(core::read_file(path), nullptr, /*allow_exceptions=*/false);
  require(json.is_object(), ErrorCode::kModel, path + ": not a JSON object");
  return {std::move(json), path};
}

/// Takes values out of config.json. What the recipe gives itself must agree.
class Filler {
 public:
  explicit Filler(const Published& published) : json_(published.json), path_(published.path) {}

  template <class T>
  void take(const char* key, T& field, const T& default_value) {
    if (!json_.contains(key) || json_[key].is_null()) return;
    set(key, field, default_value, value<T>(json_[key], key));
  }
  template <class T>
  void set(const char* key, T& field, const T& default_value, const T& published) {
    require(field == default_value || field == published, ErrorCode::kConfig,
            path_ + ": '" + key + "' is " + Json(published).dump() + ", but the recipe says " +
                Json(field).dump() + "; leave it out of the recipe");
    field = published;
  }
  /// The value, or another where the file does not say.
  template <class T>
  T get(const char* key, const T& otherwise) const {
    return json_.contains(key) && !json_[key].is_null() ? value<T>(json_[key], key) : otherwise;
  }

  std::string model_type() const { return get<std::string>("model_type", ""); }
  void expect_type(const std::vector<std::string>& known) const {
    require(std::count(known.begin(), known.end(), model_type()) > 0, ErrorCode::kModel,
            path_ + ": model_type is '" + model_type() + "'; this encoder reads " + core::join(known));
  }
  void expect(bool ok, const std::string& what) const { require(ok, ErrorCode::kModel, path_ + ": " + what); }

  void size(TransformerSize& field, const TransformerSize& otherwise) {
    take("hidden_size", field.width, otherwise.width);
    take("num_hidden_layers", field.layers, otherwise.layers);
    take("num_attention_heads", field.heads, otherwise.heads);
    take("intermediate_size", field.hidden, otherwise.hidden);
  }

 private:
  template <class T>
  T value(const Json& json, const char* key) const {
    const bool fits = std::is_same_v<T, bool>          ? json.is_boolean()
                      : std::is_integral_v<T>          ? json.is_number_integer()
                      : std::is_floating_point_v<T>    ? json.is_number()
                      : std::is_same_v<T, std::string> ? json.is_string()
                                                       : json.is_array();
    require(fits, ErrorCode::kModel,
            path_ + ": '" + key + "' is " + json.dump() + ", another type is expected");
    try {
      return json.get<T>();
    } catch (const Json::exception&) {
      throw Error(ErrorCode::kModel,
                  path_ + ": '" + key + "' is " + json.dump() + ", another type is expected");
    }
  }

  const Json& json_;
  std::string path_;
};

void take_pixels(const PretrainedConfig& pretrained, VitConfig& config) {
  const auto processor = read_published(pretrained.weights, kProcessorFile);
  if (!processor.is_there()) return;
  Filler filler(processor);
  if (!filler.get<bool>("do_normalize", true)) return;
  filler.take("image_mean", config.pixel_mean, {});
  filler.take("image_std", config.pixel_std, {});
}

void resolve(VitConfig& config) {
  auto published = read_published(config.pretrained.weights, kConfigFile);
  if (published.is_there()) {
    // CLIP's own config holds one for each of its two networks.
    if (published.json.contains("vision_config") && published.json["vision_config"].is_object()) {
      published.json = Json(published.json["vision_config"]);
      published.json["model_type"] = "clip_vision_model";
    }
    const VitConfig plain;
    Filler filler(published);
    filler.expect_type({"vit", "dinov2", "dinov2_with_registers", "dinov3_vit", "clip_vision_model"});
    const auto type = filler.model_type();
    config.family = type == "vit"                 ? VitFamily::kVit
                    : type == "dinov3_vit"        ? VitFamily::kDinov3
                    : type == "clip_vision_model" ? VitFamily::kClip
                                                  : VitFamily::kDinov2;
    filler.size(config.size, plain.size);
    const auto ratio = filler.get<double>("mlp_ratio", 4.0);
    bool is_gated = filler.get<bool>("use_gated_mlp", false);
    if (config.family == VitFamily::kDinov2) {
      is_gated = filler.get<bool>("use_swiglu_ffn", false);
      auto hidden = static_cast<int64_t>(static_cast<double>(config.size.width) * ratio);
      if (is_gated) hidden = (hidden * 2 / 3 + 7) / 8 * 8;
      filler.set("mlp_ratio", config.size.hidden, plain.size.hidden, hidden);
    }
    filler.set("use_swiglu_ffn", config.gated, plain.gated, is_gated);
    filler.take("patch_size", config.patch, plain.patch);
    filler.take("image_size", config.image_size, plain.image_size);
    const int64_t registers = type == "dinov2" ? 0 : type == "dinov2_with_registers" ? 4 : 0;
    filler.set("num_register_tokens", config.registers, plain.registers,
               filler.get<int64_t>("num_register_tokens", registers));
    filler.take("layer_norm_eps", config.epsilon, plain.epsilon);
    filler.take("rope_theta", config.rotary_theta, plain.rotary_theta);
    filler.take("pos_embed_rescale", config.rotary_rescale, plain.rotary_rescale);
    const bool is_clip = config.family == VitFamily::kClip;
    const auto activation = filler.get<std::string>("hidden_act", is_clip ? "quick_gelu" : "gelu");
    if (is_clip) config.quick_gelu = activation == "quick_gelu";
    // DINOv2's gates are silu whatever the file says.
    const bool is_silu = is_gated && config.family == VitFamily::kDinov3;
    filler.expect(activation == (is_silu ? "silu" : "gelu") || (is_clip && config.quick_gelu),
                  "hidden_act '" + activation + "' is not supported");
    filler.expect(filler.get<int64_t>("num_channels", 3) == 3, "num_channels is not 3");
  }
  take_pixels(config.pretrained, config);
}

void resolve(Wav2Vec2Config& config) {
  const auto published = read_published(config.pretrained.weights, kConfigFile);
  const Wav2Vec2Config plain;
  if (published.is_there()) {
    Filler filler(published);
    filler.expect_type({"wav2vec2", "hubert", "wavlm"});
    const auto type = filler.model_type();
    config.family = type == "wavlm"    ? SpeechFamily::kWavlm
                    : type == "hubert" ? SpeechFamily::kHubert
                                       : SpeechFamily::kWav2Vec2;
    filler.size(config.size, plain.size);
    const auto dims = filler.get<std::vector<int64_t>>("conv_dim", {512, 512, 512, 512, 512, 512, 512});
    const auto kernels = filler.get<std::vector<int64_t>>("conv_kernel", {10, 3, 3, 3, 3, 2, 2});
    const auto strides = filler.get<std::vector<int64_t>>("conv_stride", {5, 2, 2, 2, 2, 2, 2});
    filler.expect(dims.size() == kernels.size() && dims.size() == strides.size() && !dims.empty(),
                  "conv_dim, conv_kernel and conv_stride differ in length");
    config.convolutions.clear();
    for (size_t i = 0; i < dims.size(); ++i) config.convolutions.push_back({dims[i], kernels[i], strides[i]});
    const auto norm = filler.get<std::string>("feat_extract_norm", "group");
    filler.expect(norm == "group" || norm == "layer", "feat_extract_norm is '" + norm + "'");
    config.conv_norm = norm == "group" ? SpeechConvNorm::kGroup : SpeechConvNorm::kLayer;
    config.conv_bias = filler.get<bool>("conv_bias", false);
    config.feature_norm = filler.get<bool>("feat_proj_layer_norm", true);
    config.norm_first = filler.get<bool>("do_stable_layer_norm", false);
    filler.take("num_conv_pos_embeddings", config.position_kernel, plain.position_kernel);
    filler.take("num_conv_pos_embedding_groups", config.position_groups, plain.position_groups);
    filler.take("layer_norm_eps", config.epsilon, plain.epsilon);
    filler.take("num_buckets", config.buckets, plain.buckets);
    filler.take("max_bucket_distance", config.max_distance, plain.max_distance);
    filler.expect(!filler.get<bool>("conv_pos_batch_norm", false), "conv_pos_batch_norm is not supported");
    filler.expect(!filler.get<bool>("add_adapter", false), "add_adapter is not supported");
    filler.expect(filler.get<std::string>("hidden_act", "gelu") == "gelu", "hidden_act is not 'gelu'");
  }
  const auto processor = read_published(config.pretrained.weights, kProcessorFile);
  if (!processor.is_there()) return;
  Filler filler(processor);
  filler.take("do_normalize", config.normalize_waveform, plain.normalize_waveform);
}

void resolve(BertConfig& config) {
  const auto published = read_published(config.pretrained.weights, kConfigFile);
  if (!published.is_there()) return;
  const BertConfig plain;
  Filler filler(published);
  filler.expect_type({"bert", "roberta", "xlm-roberta", "camembert"});
  config.family = filler.model_type() == "bert" ? BertFamily::kBert : BertFamily::kRoberta;
  filler.size(config.size, plain.size);
  filler.take("vocab_size", config.vocabulary, plain.vocabulary);
  filler.take("max_position_embeddings", config.positions, plain.positions);
  filler.take("type_vocab_size", config.token_types, plain.token_types);
  filler.take("layer_norm_eps", config.epsilon, plain.epsilon);
  filler.expect(filler.get<std::string>("hidden_act", "gelu") == "gelu", "hidden_act is not 'gelu'");
  filler.expect(filler.get<std::string>("position_embedding_type", "absolute") == "absolute",
                "position_embedding_type is not 'absolute'");
}

template <class Config>
void resolve(Config&) {}

}  // namespace

void resolve_pretrained(EncoderConfig& config) {
  std::visit([](auto& chosen) { resolve(chosen); }, config);
}

}  // namespace limbic::nn
