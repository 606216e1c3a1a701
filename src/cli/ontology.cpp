#include "limbic/affect/ontology.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iterator>
#include <memory>

#include "limbic/cli/commands.h"
#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/plot/figure.h"

namespace limbic::cli {
namespace {

using affect::ConceptId;
using affect::Ontology;

struct OntologyArgs {
  std::string file;
  std::string word;
  std::string corpus;
  std::string label;
  std::string task;
  std::string to;
  std::string plot;
};

std::string numbers(const affect::Vad& vad) {
  return fmt::format("{:+.2f} {:+.2f} {:+.2f}", vad.valence, vad.arousal, vad.dominance);
}

std::string words_of(const Ontology& ontology, const std::vector<ConceptId>& ids) {
  std::vector<std::string> words;
  for (const ConceptId id : ids) words.push_back(ontology.name(id));
  return words.empty() ? "-" : core::join(words);
}

/// Concepts indented below their first parent; other parents are named behind.
void add_tree(const Ontology& ontology, ConceptId id, size_t depth, std::string& text) {
  const auto& parents = ontology.parents(id);
  const std::string name = std::string(2 * depth, ' ') + ontology.name(id);
  text += fmt::format("{:<34}{}  {}", name, numbers(ontology.vad(id)), ontology.entry(id).level);
  if (parents.size() > 1) text += "  also below " + words_of(ontology, {parents.begin() + 1, parents.end()});
  text += '\n';
  for (const ConceptId child : ontology.children(id)) {
    if (ontology.parents(child).front() == id) add_tree(ontology, child, depth + 1, text);
  }
}

std::string tree_text(const Ontology& ontology) {
  std::string text = fmt::format("{:<34}{}\n", "concept", "valence arousal dominance  level");
  for (ConceptId id = 0; id < ontology.size(); ++id) {
    if (ontology.parents(id).empty()) add_tree(ontology, id, 0, text);
  }
  const auto& file = ontology.file();
  text += fmt::format("\n{} concepts\ntasks: ", ontology.size());
  std::vector<std::string> names;
  for (const auto& [name, task] : file.tasks) names.push_back(name);
  text += core::join(names) + "\ncorpora: ";
  names.clear();
  for (const auto& [name, corpus] : file.corpora) names.push_back(name);
  return text + core::join(names) + "\n";
}

std::string concept_text(const Ontology& ontology, ConceptId id) {
  const auto& entry = ontology.entry(id);
  const auto& file = ontology.file();
  std::string text = ontology.name(id) + (entry.doc.empty() ? "" : ": " + entry.doc) + "\n";
  text += "  level      " + entry.level + "\n";
  text += "  synonyms   " + (entry.synonyms.empty() ? "-" : core::join(entry.synonyms)) + "\n";
  text += "  parents    " + words_of(ontology, ontology.parents(id)) + "\n";
  text += "  ancestors  " + words_of(ontology, ontology.ancestors(id)) + "\n";
  text += "  children   " + words_of(ontology, ontology.children(id)) + "\n";
  text += fmt::format("  V A D      {}  ({}{})\n", numbers(ontology.vad(id)), entry.source,
                      entry.term.empty() ? "" : ": " + entry.term);
  for (const auto& [name, task] : file.tasks) {
    if (const auto index = ontology.map_to_task(id, name))
      text += fmt::format("  {:<10} {}\n", name, task.classes[static_cast<size_t>(*index)].name);
  }
  for (const auto& [name, corpus] : file.corpora) {
    for (const auto& [task, labels] : corpus.tasks) {
      for (const auto& [label, meaning] : labels.labels) {
        if (meaning == ontology.name(id))
          text += fmt::format("  label of   {}: {} ({})\n", name, label, task);
      }
    }
  }
  return text;
}

/// The basic concepts by name in the valence-arousal plane, the fine ones as dots.
void plot_concepts(const Ontology& ontology, const std::string& path) {
  struct Group {
    std::vector<double> x, y;
    std::vector<std::string> words;
  };
  plot::FigureOptions options;
  options.title = "Concepts in the valence-arousal plane";
  options.x_label = "valence";
  options.is_time = false;
  options.x_range = {-1.0, 1.0};
  options.png_scale = 1.5;
  plot::Figure figure(options);
  const auto& levels = ontology.file().levels;
  for (size_t level = 0; level < levels.size(); ++level) {
    std::map<std::string, Group> groups;  // by where the numbers are from
    for (ConceptId id = 0; id < ontology.size(); ++id) {
      const auto& entry = ontology.entry(id);
      if (entry.level != levels[level] || entry.vad.empty()) continue;
      Group& group = groups[entry.source];
      group.x.push_back(ontology.vad(id).valence);
      group.y.push_back(ontology.vad(id).arousal);
      group.words.push_back(ontology.name(id));
    }
    if (groups.empty()) continue;
    plot::Panel& panel = figure.panel("level " + levels[level]);
    panel.height(640).y_label("arousal").y_range(-1, 1);
    for (const auto& [source, group] : groups) {
      plot::MarkerStyle style;
      style.label = source;
      const auto& sources = ontology.file().sources;  // one colour a source, in every panel
      style.colour = plot::palette(static_cast<size_t>(std::distance(sources.begin(), sources.find(source))));
      panel.scatter(group.x, group.y, style);
    }
    for (const auto& [source, group] : groups) panel.names(group.x, group.y, group.words);
  }
  figure.write(path);
}

/// "FEA -> fear", "xxx -> none: the annotators did not agree"
std::string meaning_text(const Ontology& ontology, const OntologyArgs& args, const std::string& label,
                         const std::string& task) {
  const auto meaning = ontology.map_label(args.corpus, label, task);
  if (!meaning.id) return label + " -> none: " + meaning.reason + "\n";
  if (args.to.empty()) return label + " -> " + ontology.name(*meaning.id) + "\n";
  std::string name;
  const auto& levels = ontology.file().levels;
  if (std::find(levels.begin(), levels.end(), args.to) != levels.end()) {
    if (const auto above = ontology.at_level(*meaning.id, args.to)) name = ontology.name(*above);
  } else if (const auto index = ontology.map_to_task(*meaning.id, args.to)) {
    name = ontology.task(args.to).classes[static_cast<size_t>(*index)].name;
  }
  if (name.empty()) name = "none: " + ontology.name(*meaning.id) + " lies below nothing of " + args.to;
  return label + " -> " + name + "\n";
}

std::string map_text(const Ontology& ontology, const OntologyArgs& args) {
  if (!args.label.empty()) return meaning_text(ontology, args, args.label, args.task);
  std::string text;
  for (const auto& [task, labels] : ontology.corpus(args.corpus).tasks) {
    if (!args.task.empty() && task != args.task) continue;
    for (const auto& [label, meaning] : labels.labels) text += meaning_text(ontology, args, label, task);
    for (const auto& [label, reason] : labels.none) text += meaning_text(ontology, args, label, task);
  }
  require(!text.empty(), ErrorCode::kConfig,
          args.corpus + " has no labels" + (args.task.empty() ? "" : " of task '" + args.task + "'"));
  return text;
}

}  // namespace

void add_ontology(CLI::App& app, Context& /*context*/) {
  auto args = std::make_shared<OntologyArgs>();
  CLI::App* ontology =
      app.add_subcommand("ontology", "Emotions as a hierarchy: show, map labels, check a file");
  ontology->require_subcommand(1);

  CLI::App* show =
      ontology->add_subcommand("show", "The tree with valence, arousal, dominance, or one concept");
  show->add_option("concept", args->word, "any word for it: fear, scared...");
  show->add_option("--file", args->file, "another ontology than the built-in one");
  show->add_option("--plot", args->plot, "also draw the valence-arousal plane into this .svg or .png");
  show->callback([args] {
    const auto loaded = Ontology::load(args->file);
    const std::string text =
        args->word.empty() ? tree_text(loaded) : concept_text(loaded, loaded.id_of(args->word));
    if (!args->plot.empty()) plot_concepts(loaded, args->plot);
    std::fputs(text.c_str(), stdout);
  });

  CLI::App* map = ontology->add_subcommand("map", "What a corpus' label means, or becomes in a task");
  map->add_option("corpus", args->corpus, "ravdess, iemocap...")->required();
  map->add_option("label", args->label, "label or code of the corpus; without one, all of them");
  map->add_option("--task", args->task, "task of the corpus, where a label is in several");
  map->add_option("--to", args->to, "task or level of the ontology: emotion7, sentiment3, valence...");
  map->add_option("--file", args->file, "another ontology than the built-in one");
  map->callback([args] { std::fputs(map_text(Ontology::load(args->file), *args).c_str(), stdout); });

  CLI::App* check = ontology->add_subcommand("check", "Every problem of an ontology file, at its line");
  check->add_option("file", args->file, "YAML; `base: FILE` at its top extends another one")->required();
  check->callback([args] {
    const auto loaded = Ontology::load(args->file);
    fmt::print("{}: well-formed, {} concepts, {} tasks, {} corpora\n", args->file, loaded.size(),
               loaded.file().tasks.size(), loaded.file().corpora.size());
  });
}

}  // namespace limbic::cli
