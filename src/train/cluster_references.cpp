#include "cluster_references.h"

#include <algorithm>
#include <array>
#include <functional>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"

namespace limbic::train {
namespace {

using data::SampleField;

constexpr std::array<std::pair<const char*, SampleField>, 6> kFields = {{{"subject", SampleField::kSubject},
                                                                         {"corpus", SampleField::kCorpus},
                                                                         {"session", SampleField::kSession},
                                                                         {"dialogue", SampleField::kDialogue},
                                                                         {"clip", SampleField::kClip},
                                                                         {"split", SampleField::kSplit}}};

/// @param text_of  of a sample of the store; empty = unknown
Reference reference_of_texts(const std::string& name, const std::vector<int64_t>& samples,
                             const std::function<std::string(int64_t)>& text_of) {
  Reference reference{name, {}, {}};
  std::vector<std::string> texts;
  for (const int64_t sample : samples) texts.push_back(text_of(sample));
  reference.names = texts;
  std::sort(reference.names.begin(), reference.names.end());
  reference.names.erase(std::unique(reference.names.begin(), reference.names.end()), reference.names.end());
  if (!reference.names.empty() && reference.names.front().empty())
    reference.names.erase(reference.names.begin());
  for (const auto& text : texts) {
    const auto at = std::lower_bound(reference.names.begin(), reference.names.end(), text);
    reference.class_of.push_back(text.empty() ? -1 : at - reference.names.begin());
  }
  return reference;
}

class ReferenceMaker {
 public:
  ReferenceMaker(const data::Store& store, const eval::Embeddings& embeddings,
                 const std::vector<affect::LabelSpace>& tasks)
      : store_(store), embeddings_(embeddings), tasks_(tasks) {}

  std::vector<std::string> default_names() const {
    std::vector<std::string> names;
    for (const auto& task : tasks_) {
      if (task.has_classes()) names.push_back(task.task);
    }
    for (const auto& space : store_.info().label_spaces) {
      if (std::find(names.begin(), names.end(), space.task) == names.end()) names.push_back(space.task);
    }
    names.insert(names.end(), {"subject", "corpus"});
    return names;
  }

  Reference make(const std::string& name) const {
    const auto& samples = store_.samples();
    // A task of the model may be made of the store's labels: the classes are those it is taught.
    for (const auto& task : tasks_) {
      if (task.task == name && task.has_classes()) return {name, task.classes, embeddings_.truth.at(name)};
    }
    for (const auto& [field_name, field] : kFields) {
      const SampleField column = field;
      if (name == field_name)
        return of_texts(name, [&, column](int64_t i) { return std::string(samples.text(column, i)); });
    }
    const auto is_one_of = [&](const std::vector<std::string>& names) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    if (is_one_of(samples.tasks()))
      return of_texts(name, [&](int64_t i) { return std::string(samples.label(name, i)); });
    if (is_one_of(samples.attribute_names()))
      return of_texts(name, [&](int64_t i) { return std::string(samples.attribute(name, i)); });
    auto known = default_names();
    for (const auto& task : samples.tasks()) known.push_back(task);
    for (const auto& entry : kFields) known.emplace_back(entry.first);
    for (const auto& attribute : samples.attribute_names()) known.push_back(attribute);
    std::sort(known.begin(), known.end());
    known.erase(std::unique(known.begin(), known.end()), known.end());
    throw Error(ErrorCode::kConfig, "nothing named '" + name + "' to compare clusters with" +
                                        core::did_you_mean(name, known) +
                                        "; known here: " + core::join(known));
  }

 private:
  Reference of_texts(const std::string& name, const std::function<std::string(int64_t)>& text_of) const {
    return reference_of_texts(name, embeddings_.sample, text_of);
  }

  const data::Store& store_;
  const eval::Embeddings& embeddings_;
  const std::vector<affect::LabelSpace>& tasks_;
};

int64_t num_present(const Reference& reference) {
  std::vector<bool> is_there(reference.names.size(), false);
  for (const int64_t c : reference.class_of) {
    if (c >= 0) is_there[static_cast<size_t>(c)] = true;
  }
  return std::count(is_there.begin(), is_there.end(), true);
}

}  // namespace

std::vector<std::string> Reference::name_of(const std::vector<int64_t>& samples) const {
  std::vector<std::string> result;
  for (const int64_t sample : samples) {
    const int64_t c = class_of[static_cast<size_t>(sample)];
    result.push_back(c < 0 ? "" : names[static_cast<size_t>(c)]);
  }
  return result;
}

std::vector<Reference> cluster_references(const data::Store& store, const eval::Embeddings& embeddings,
                                          const std::vector<affect::LabelSpace>& tasks,
                                          const std::vector<std::string>& wanted) {
  const ReferenceMaker maker(store, embeddings, tasks);
  std::vector<Reference> references;
  for (const auto& name : wanted.empty() ? maker.default_names() : wanted) {
    auto reference = maker.make(name);
    // One class, or none, is no partition; who asks for it by name sees that there is nothing in it.
    if (!wanted.empty() || num_present(reference) > 1) references.push_back(std::move(reference));
  }
  return references;
}

}  // namespace limbic::train
