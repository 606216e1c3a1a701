#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "limbic/affect/label_space.h"
#include "limbic/affect/ontology_file.h"

namespace limbic::affect {

/// Index of a concept, in the order of the names.
using ConceptId = int64_t;

/// A point of the valence-arousal-dominance space, each in [-1, 1].
struct Vad {
  double valence = 0.0;
  double arousal = 0.0;
  double dominance = 0.0;

  double on(Axis axis) const {
    return axis == Axis::kValence ? valence : axis == Axis::kArousal ? arousal : dominance;
  }
};

/// What a label of a corpus means.
struct LabelMeaning {
  std::optional<ConceptId> id;
  std::string reason;  ///< why it means nothing, where `id` is empty
};

/// What a class of a label space means: several concepts where a shared task groups them.
struct ClassMeaning {
  std::vector<ConceptId> ids;
  std::string reason;  ///< why it means nothing, where `ids` is empty
};

/// Emotions as a hierarchy with synonyms, and what every corpus' labels mean in it. Words are compared
/// without case, '_' for blanks and hyphens. Cheap to copy; const methods are thread-safe.
class Ontology {
 public:
  /// @param path  empty or "builtin" = limbic's own. @throws Error(kConfig) with every problem at its line
  static Ontology load(const std::string& path = "");
  /// @param name  in messages
  static Ontology parse(const std::string& text, const std::string& name);

  const OntologyFile& file() const;
  int64_t size() const;
  const std::string& name(ConceptId id) const;
  const ConceptEntry& entry(ConceptId id) const;
  const Vad& vad(ConceptId id) const;

  /// By name or synonym. @throws Error(kConfig) with the nearest word
  ConceptId id_of(const std::string& word) const;
  std::optional<ConceptId> find(const std::string& word) const;

  const std::vector<ConceptId>& parents(ConceptId id) const;
  const std::vector<ConceptId>& children(ConceptId id) const;
  /// All of them, nearest first.
  std::vector<ConceptId> ancestors(ConceptId id) const;
  /// Whether `id` is `ancestor` or lies below it.
  bool is_a(ConceptId id, ConceptId ancestor) const;
  /// Edges of the shortest way from one to the other through a common ancestor.
  int64_t distance(ConceptId a, ConceptId b) const;
  /// The common ancestor (or one of the two) farthest from the root; the first by name of equals.
  ConceptId lowest_common_ancestor(ConceptId a, ConceptId b) const;
  /// Whether the two cannot hold at once: they lie below different concepts of an `exclusive` list.
  bool contradicts(ConceptId a, ConceptId b) const;
  /// The most specific concept of `level` that `id` is or lies below.
  std::optional<ConceptId> at_level(ConceptId id, const std::string& level) const;

  /// @throws Error(kConfig) with the nearest name, as do the next
  const TaskEntry& task(const std::string& name) const;
  const CorpusEntry& corpus(const std::string& name) const;
  LabelSpace label_space(const std::string& task) const;
  /// The class of a task that a concept belongs to: that of its most specific ancestor among the task's
  /// concepts.
  std::optional<int64_t> map_to_task(ConceptId id, const std::string& task) const;
  /// The class of a number on the task's axis, in [-1, 1]; nothing for NaN.
  /// @throws Error(kConfig) when the task has no cuts
  std::optional<int64_t> map_value(double value, const std::string& task) const;
  /// @param label  as the corpus or limbic spells it, or the corpus' code
  /// @param task   of the corpus; empty = any, as long as they agree
  LabelMeaning map_label(const std::string& corpus, const std::string& label,
                         const std::string& task = "") const;
  /// The meaning of a class, wherever its label space is from: the ontology's task of the same name says it,
  /// else the corpus (its task of the same name, or any), else the word itself.
  /// @param corpus  empty, or a name that the ontology need not know
  ClassMeaning class_meaning(const LabelSpace& space, const std::string& name,
                             const std::string& corpus = "") const;
  /// A rating on the scale of -1 to 1, clamped; nothing for NaN and the number that stands for no rating.
  std::optional<double> to_unit(const std::string& corpus, const std::string& value_name, double value) const;

 private:
  struct Data;
  explicit Ontology(OntologyFile file);
  std::shared_ptr<const Data> data_;
};

}  // namespace limbic::affect
