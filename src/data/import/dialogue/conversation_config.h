#pragma once
#include <map>
#include <string>
#include <vector>

#include "limbic/config/checks.h"

namespace limbic::data::conversation_import {

/// conversation.yaml: what the tiers and files of a corpus of conversations are called. Patterns: '*' is any
/// text, letters match in either case.
struct ConversationConfig {
  std::string name;  ///< of the corpus; empty = the source folder's
  std::string licence = "unknown";
  std::string citation;
  std::string task = "emotion";
  std::vector<std::string> classes{};
  std::vector<std::string> label_tiers{"*emotion*"};
  std::vector<std::string> text_tiers{"*transcri*", "*text*", "*speech*"};
  std::map<std::string, std::vector<std::string>> value_tiers{{"arousal", {"*arousal*"}},
                                                              {"valence", {"*valence*"}}};
  std::map<std::string, std::string> participants{};
  std::map<std::string, std::vector<std::string>> media{};
  std::map<std::string, std::vector<double>> regions{};
  std::string annotator;
  std::string language;
  bool names_are_seats = false;
  std::vector<std::string> known_defects{};

  template <class Visitor>
  void visit(Visitor& v) {
    v("name", name, "name of the corpus; empty = that of its folder");
    v("licence", licence, "terms that hold for the data");
    v("citation", citation, "what to cite");
    v("task", task, "task of the labels");
    v("classes", classes, "classes in order, in lower case; empty = all labels of the files, sorted");
    v("label_tiers", label_tiers, "names of tiers whose annotations become samples, '*' for any text");
    v("text_tiers", text_tiers, "names of tiers with what is said");
    v("value_tiers", value_tiers, "value -> names of tiers with numbers");
    v("participants", participants,
      "tier -> person, where neither ELAN's participant nor 'tier@PERSON' says it");
    v("media", media,
      "person -> names of sound and video files; else files with the person's name in theirs");
    v("regions", regions,
      "person -> [left, top, right, bottom] of the picture, each in [0, 1], where one video shows several");
    v("annotator", annotator, "only tiers of this rater; empty = all");
    v("language", language, "language of controlled vocabularies; empty = as annotated");
    v("names_are_seats", names_are_seats, "true: persons of one name in two conversations are two people");
    v("known_defects", known_defects, "defects of the corpus that its users know of");
  }
  void validate(config::Checks& checks) const;
};

/// Whether any of the patterns matches the whole name.
bool matches_any(const std::vector<std::string>& patterns, const std::string& name);
/// conversation.yaml of a source, or the defaults. @throws Error(kConfig)
ConversationConfig read_conversation_config(const std::string& source);

}  // namespace limbic::data::conversation_import
