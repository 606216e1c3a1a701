#pragma once
#include <set>
#include <string>
#include <vector>

#include "limbic/config/checks.h"
#include "limbic/config/node.h"

namespace limbic::config {

/// The problems of one load, thrown together.
class Report {
 public:
  /// @param name  of the file, for problems without a place
  explicit Report(std::string name) : name_(std::move(name)) {}

  /// @param width  characters to underline from `at` on
  void add(const Location& at, const std::string& message, size_t width = 1);
  /// Marks a value that has a problem in it, so that validate() is not asked about it.
  void mark_broken(const Node& node) { broken_.insert(&node); }
  /// @throws Error(kConfig) with every problem in the order of the file, if there is any
  void throw_if_any() const;

  bool is_broken(const Node& node) const { return broken_.count(&node) != 0; }
  /// True when more problems would not be shown.
  bool is_full() const;

 private:
  struct Problem {
    Location at;
    std::string message;
    size_t width;
  };

  std::string name_;
  std::vector<Problem> problems_;
  size_t num_problems_ = 0;
  std::set<const Node*> broken_;
};

/// Gives the problems that validate() finds in one struct the places of its fields.
class NodeChecks final : public Checks {
 public:
  /// @param near  place of the closest parent that has one
  NodeChecks(const Node& node, std::string path, Location near, Report& report)
      : node_(node), path_(std::move(path)), near_(std::move(near)), report_(report) {}

  void fail(const std::string& field, const std::string& message) override;

 private:
  const Node& node_;
  std::string path_;
  Location near_;
  Report& report_;
};

}  // namespace limbic::config
