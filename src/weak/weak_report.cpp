#include "weak_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace limbic::weak {
namespace {

using nlohmann::json;

json with_interval(const Reliability& r) {
  return {{"value", r.accuracy}, {"low", r.low}, {"high", r.high}};
}

std::string type_of(const WeakLabelConfig& config, const std::string& name) {
  const auto at = config.sources.find(name);
  if (at == config.sources.end()) return "group";
  return std::visit([](const auto& source) { return std::string(std::decay_t<decltype(source)>::kType); },
                    at->second);
}

json voter_json(const std::string& type, const VoterFit& fit, size_t num_classes) {
  json rows = json::array();
  for (size_t c = 0; c < num_classes; ++c) {
    const auto first = fit.confusion_CC.begin() + static_cast<int64_t>(c * num_classes);
    rows.push_back(std::vector<double>(first, first + static_cast<int64_t>(num_classes)));
  }
  return {{"type", type},
          {"coverage", fit.reliability.coverage},
          {"accuracy", with_interval(fit.reliability)},
          {"confusion", std::move(rows)}};
}

json scorer_json(const std::string& type, const ScorerFit& fit) {
  json result = {{"type", type},
                 {"coverage", fit.reliability.coverage},
                 {"accuracy", with_interval(fit.reliability)},
                 {"mean", fit.mean_C},
                 {"deviation", fit.deviation_C}};
  if (fit.density_CK.empty()) return result;
  result["bins"] = {{"edges", fit.edges}, {"density", fit.density_CK}};
  return result;
}

json lag_json(const LagEstimate& lag) {
  json curve = json::array();
  for (size_t k = 0; k < lag.lags_s.size(); ++k) curve.push_back({lag.lags_s[k], lag.association[k]});
  return {{"value", lag.lag_s},
          {"low", lag.low_s},
          {"high", lag.high_s},
          {"learned", true},
          {"latency", {{"value", lag.latency_s}, {"low", lag.latency_low_s}, {"high", lag.latency_high_s}}},
          {"inertia_s", lag.inertia_s},
          {"num_known", lag.num_known},
          {"curve", std::move(curve)}};
}

/// Share of right answers, and among how many.
struct Tally {
  int64_t right = 0;
  int64_t total = 0;
  void add(bool is_right) {
    right += is_right ? 1 : 0;
    ++total;
  }
  json to_json() const {
    return {{"value", total > 0 ? static_cast<double>(right) / static_cast<double>(total)
                                : std::numeric_limits<double>::quiet_NaN()},
            {"num", total}};
  }
};

/// Area under the ROC curve of a score for class 1 against 0, by ranks; NaN without both.
double area_under_curve(const std::vector<double>& score_N, const std::vector<int32_t>& truth_N) {
  std::vector<size_t> order;
  for (size_t i = 0; i < score_N.size(); ++i) {
    if (std::isfinite(score_N[i]) && truth_N[i] >= 0) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return score_N[a] < score_N[b]; });
  double rank_sum = 0;
  double num_positive = 0;
  for (size_t i = 0; i < order.size();) {
    size_t end = i;
    while (end < order.size() && score_N[order[end]] == score_N[order[i]]) ++end;
    const double rank = 0.5 * static_cast<double>(i + end - 1) + 1;
    for (size_t k = i; k < end; ++k) {
      if (truth_N[order[k]] != 1) continue;
      rank_sum += rank;
      num_positive += 1;
    }
    i = end;
  }
  const double num_negative = static_cast<double>(order.size()) - num_positive;
  if (num_positive == 0 || num_negative == 0) return std::numeric_limits<double>::quiet_NaN();
  return (rank_sum - num_positive * (num_positive + 1) / 2) / (num_positive * num_negative);
}

/// What the truth says of labels and sources. It is for the reader of the report and decides nothing.
json audit_of(const WeakLabelInput& input, const ReportParts& parts) {
  const auto num = static_cast<size_t>(input.task.num_classes());
  const auto& labels = *parts.labels;
  Tally all;
  std::vector<Tally> by_class(num);
  double confidence = 0;
  for (size_t i = 0; i < input.truth_N.size(); ++i) {
    if (!labels.is_given_N[i] || input.truth_N[i] < 0) continue;
    const auto* row = labels.soft_NC.data() + i * num;
    const auto given = static_cast<size_t>(std::max_element(row, row + num) - row);
    const bool is_right = static_cast<int32_t>(given) == input.truth_N[i];
    all.add(is_right);
    by_class[given].add(is_right);
    confidence += labels.confidence_N[i];
  }
  json precision = json::object();
  for (size_t c = 0; c < num; ++c) precision[input.task.classes[c]] = by_class[c].to_json();
  json sources = json::object();
  const auto tally_of = [&](const std::vector<int32_t>& said_N) {
    Tally tally;
    for (size_t i = 0; i < input.truth_N.size(); ++i) {
      if (said_N[i] >= 0 && input.truth_N[i] >= 0) tally.add(said_N[i] == input.truth_N[i]);
    }
    return tally;
  };
  const auto add_voters = [&](const LabelModelInput& model_input) {
    for (const auto& voter : model_input.voters)
      sources[voter.name]["accuracy"] = tally_of(voter.vote_N).to_json();
  };
  add_voters(parts.model_input);
  for (const auto& entry : parts.group_inputs) add_voters(entry.second);
  for (size_t k = 0; k < parts.fit.scorers.size(); ++k) {
    const auto& scorer = parts.fit.scorers[k];
    sources[scorer.name]["accuracy"] = tally_of(scorer.choice_N).to_json();
    if (num == 2)
      sources[scorer.name]["auc"] = area_under_curve(parts.model_input.scorers[k].score_N, input.truth_N);
  }
  return {{"precision", all.to_json()},
          {"mean_confidence", all.total > 0 ? confidence / static_cast<double>(all.total)
                                            : std::numeric_limits<double>::quiet_NaN()},
          {"precision_by_class", std::move(precision)},
          {"sources", std::move(sources)}};
}

/// A number or "-".
std::string shown(const json& value, const char* format = "{:.3f}") {
  return value.is_number() && std::isfinite(value.get<double>())
             ? fmt::format(fmt::runtime(format), value.get<double>())
             : "-";
}

std::string source_line(const std::string& name, const json& source, const json& audit) {
  const auto& accuracy = source.at("accuracy");
  std::string line =
      fmt::format("{:<16} {:<7} {:>8} {:>9}  [{}, {}]", name, source.at("type").get<std::string>(),
                  shown(source.at("coverage")), shown(accuracy.at("value")), shown(accuracy.at("low")),
                  shown(accuracy.at("high")));
  if (const auto lag = source.find("lag"); lag != source.end()) {
    line += fmt::format("  lag {} s", shown(lag->at("value"), "{:.2f}"));
    if (lag->value("learned", false)) {
      const auto& latency = lag->at("latency");
      line += fmt::format(" [{}, {}], latency {} [{}, {}]", shown(lag->at("low"), "{:.2f}"),
                          shown(lag->at("high"), "{:.2f}"), shown(latency.at("value"), "{:.2f}"),
                          shown(latency.at("low"), "{:.2f}"), shown(latency.at("high"), "{:.2f}"));
    }
  }
  if (const auto of = audit.find(name); of != audit.end()) {
    if (of->contains("accuracy")) line += "  audit " + shown(of->at("accuracy").at("value"));
    if (of->contains("auc")) line += "  audit auc " + shown(of->at("auc"));
  }
  return line + "\n";
}

}  // namespace

json make_report(const WeakLabelInput& input, const WeakLabelConfig& config, const ReportParts& parts) {
  const auto num = static_cast<size_t>(input.task.num_classes());
  const auto size = static_cast<int64_t>(input.indices.size());
  const auto& fit = parts.fit;
  json report = {{"task", input.task.task}, {"classes", input.task.classes}, {"num_samples", size}};
  const auto num_known =
      std::count_if(input.known_N.begin(), input.known_N.end(), [](int32_t c) { return c >= 0; });
  const auto num_given = std::count(parts.labels->is_given_N.begin(), parts.labels->is_given_N.end(), true);
  report["num_known"] = num_known;
  report["num_given"] = num_given;
  report["coverage"] =
      size > num_known ? static_cast<double>(num_given) / static_cast<double>(size - num_known) : 0.0;
  report["prior"] = fit.prior_C;
  json& sources = report["sources"] = json::object();
  for (const auto& voter : fit.voters)
    sources[voter.name] = voter_json(type_of(config, voter.name), voter, num);
  for (const auto& scorer : fit.scorers)
    sources[scorer.name] = scorer_json(type_of(config, scorer.name), scorer);
  for (const auto& [name, lag] : parts.lags) sources[name]["lag"] = lag_json(lag);
  for (const auto& [name, lag_s] : parts.fixed_lags_s)
    sources[name]["lag"] = {{"value", lag_s}, {"learned", false}};
  json& groups = report["groups"] = json::object();
  for (const auto& [name, group] : parts.groups) {
    for (const auto& voter : group.voters)
      groups[name][voter.name] = voter_json(type_of(config, voter.name), voter, num);
  }
  report["model"] = {
      {"iterations", fit.objective.size()}, {"converged", fit.converged}, {"objective", fit.objective}};
  if (!input.truth_N.empty()) report["audit"] = audit_of(input, parts);
  return report;
}

std::string weak_report_text(const json& report) {
  std::string text =
      fmt::format("task {}: {} training samples, {} labelled, {} weakly ({} of the rest)\n",
                  report.at("task").get<std::string>(), report.at("num_samples").get<int64_t>(),
                  report.at("num_known").get<int64_t>(), report.at("num_given").get<int64_t>(),
                  shown(report.at("coverage")));
  text += fmt::format("{:<16} {:<7} {:>8} {:>9}  95 %\n", "source", "type", "coverage", "accuracy");
  const auto audit = report.find("audit");
  const json of_sources = audit != report.end() ? audit->at("sources") : json::object();
  for (const auto& [name, source] : report.at("sources").items()) {
    text += source_line(name, source, of_sources);
    const auto group = report.at("groups").find(name);
    if (group == report.at("groups").end()) continue;
    text += "  its members, as far as they agree with each other:\n";
    for (const auto& [member, of_member] : group->items())
      text += "  " + source_line(member, of_member, of_sources);
  }
  const auto& model = report.at("model");
  text += fmt::format("label model: {} iterations{}\n", model.at("iterations").get<int64_t>(),
                      model.at("converged").get<bool>() ? "" : ", NOT converged");
  if (audit != report.end()) {
    const auto& precision = audit->at("precision");
    text +=
        fmt::format("audit: weak labels are right for {} of {} (they say {})\n", shown(precision.at("value")),
                    precision.at("num").get<int64_t>(), shown(audit->at("mean_confidence")));
  }
  return text;
}

}  // namespace limbic::weak
