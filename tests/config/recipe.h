#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "limbic/config/config.h"
#include "support/paths.h"

namespace limbic::config::test {

enum class Pooling { kMean, kAttention, kOff };
constexpr auto enum_names(Pooling) {
  return std::array<std::pair<Pooling, const char*>, 3>{
      {{Pooling::kMean, "mean"}, {Pooling::kAttention, "attention"}, {Pooling::kOff, "off"}}};
}

struct Tcn {
  static constexpr const char* kType = "tcn";
  int64_t width = 128;
  double dropout = 0.1;
  template <class Visitor>
  void visit(Visitor& v) {
    v("width", width, "channels", at_least(1));
    v("dropout", dropout, "dropout probability", half_open(0, 1));
  }
};

struct Gru {
  static constexpr const char* kType = "gru";
  int hidden = 64;
  double dropout = 0.2;
  bool is_bidirectional = true;
  template <class Visitor>
  void visit(Visitor& v) {
    v("hidden", hidden, "hidden size", at_least(1));
    v("dropout", dropout, "dropout probability", half_open(0, 1));
    v("is_bidirectional", is_bidirectional, "both directions");
  }
};

using Encoder = std::variant<Tcn, Gru>;

struct Optimizer {
  double learning_rate = 3e-4;
  float weight_decay = 0.1F;
  std::optional<double> max_norm = 1.0;
  template <class Visitor>
  void visit(Visitor& v) {
    v("learning_rate", learning_rate, "peak learning rate", above(0));
    v("weight_decay", weight_decay, "decoupled weight decay", at_least(0));
    v("max_norm", max_norm, "gradient clipping, null = off", above(0));
  }
};

struct Fusion {
  int dim = 64;
  int heads = 8;
  Pooling pooling = Pooling::kMean;
  template <class Visitor>
  void visit(Visitor& v) {
    v("dim", dim, "model width", at_least(1));
    v("heads", heads, "attention heads", at_least(1));
    v("pooling", pooling, "how frames become one vector");
  }
  void validate(Checks& checks) const {
    checks.expect(dim % heads == 0, "heads",
                  "must divide dim = " + std::to_string(dim) + ", got " + std::to_string(heads));
  }
};

struct Task {
  std::string name = "emotion";
  std::vector<std::string> classes;
  template <class Visitor>
  void visit(Visitor& v) {
    v("name", name, "name of the task");
    v("classes", classes, "class names");
  }
  void validate(Checks& checks) const {
    checks.expect(classes.size() != 1, "classes", "a task needs two classes or none");
  }
};

struct Recipe {
  uint64_t seed = 1;
  bool use_ema = false;
  Optimizer optimizer;
  Fusion fusion;
  Encoder encoder = Gru{32, 0.25, false};
  std::map<std::string, Encoder> encoders;
  std::vector<Task> tasks;
  std::vector<double> betas = {0.9, 0.999};
  std::vector<std::vector<int>> grid;
  std::map<std::string, double> weights = {{"audio", 1.0}};
  std::optional<Fusion> second;
  std::string note = "none yet";
  template <class Visitor>
  void visit(Visitor& v) {
    v("seed", seed, "seed of every generator");
    v("use_ema", use_ema, "average the weights");
    v("optimizer", optimizer, "AdamW");
    v("fusion", fusion, "how modalities meet");
    v("encoder", encoder, "the shared encoder");
    v("encoders", encoders, "one for each modality");
    v("tasks", tasks, "what is predicted");
    v("betas", betas, "AdamW's moments", half_open(0, 1));
    v("grid", grid, "rows of numbers");
    v("weights", weights, "loss weights", at_least(0));
    v("second", second, "a second fusion");
    v("note", note, "for people");
  }
};

inline Recipe read(const std::string& text, const Overrides& overrides = {}) {
  return load_text<Recipe>(text, "recipe.yaml", overrides);
}
inline std::string problem(const std::string& text, const Overrides& overrides = {}) {
  return limbic::test::error_of([&] { read(text, overrides); }, ErrorCode::kConfig);
}
inline std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

}  // namespace limbic::config::test
