#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <pugixml.hpp>
#include <unordered_map>
#include <unordered_set>

#include "byte_source.h"
#include "eaf_times.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/formats/eaf.h"
#include "text_input.h"

namespace limbic::formats {
namespace {

constexpr uint64_t kMaxEafBytes = 64 << 20;
/// A node costs pugixml some 60 bytes and the file three ("<a>"): this bounds the memory.
constexpr int64_t kMaxEafElements = 4'000'000;
constexpr int kMaxEafDepth = 32;
constexpr size_t kMaxEafTiers = 4096;     ///< also types and vocabularies; they are searched one by one
constexpr size_t kMaxEafEntries = 16384;  ///< words of all vocabularies
constexpr int64_t kMaxEafMs = INT64_C(1) << 40;  ///< 34 years

/// One file on its way in.
class EafReader {
 public:
  explicit EafReader(const std::string& path) : path_(path), bytes_(core::read_file(path, kMaxEafBytes)) {}

  EafFile read() {
    parse();
    check_shape();
    const pugi::xml_node root = document_.document_element();
    if (std::string_view(root.name()) != "ANNOTATION_DOCUMENT")
      fail(root, fmt::format("the root element is {}; expected ANNOTATION_DOCUMENT of an ELAN file",
                             detail::shown(root.name())));
    file_.author = optional(root, "AUTHOR");
    file_.date = optional(root, "DATE");
    file_.format = optional(root, "FORMAT");
    if (file_.format.empty()) file_.format = optional(root, "VERSION");
    if (file_.format != "3.0" && file_.format.substr(0, 2) != "2.")
      fail(root, fmt::format("FORMAT {} is unknown; expected 2.x or 3.0", detail::shown(file_.format)));
    read_header(child(root, "HEADER"));
    read_time_order(child(root, "TIME_ORDER"));
    for (const auto& node : root.children("LANGUAGE"))
      file_.languages.push_back(
          {required(node, "LANG_ID"), optional(node, "LANG_DEF"), optional(node, "LANG_LABEL")});
    read_vocabularies(root);
    for (const auto& node : root.children("LINGUISTIC_TYPE")) read_type(node);
    for (const auto& node : root.children("TIER")) read_tier(node);
    if (file_.tiers.size() > kMaxEafTiers || file_.types.size() > kMaxEafTiers ||
        file_.vocabularies.size() > kMaxEafTiers)
      fail(root, fmt::format("more than {} tiers, types or vocabularies", kMaxEafTiers));
    for (const auto& node : root.children("TIER")) check_references(node);
    resolve_eaf_times(file_, std::move(times_),
                      [this](ptrdiff_t offset, const std::string& what) { fail_at(offset, what); });
    return std::move(file_);
  }

 private:
  [[noreturn]] void fail_at(ptrdiff_t offset, const std::string& what) const {
    const auto end = bytes_.begin() + std::clamp<ptrdiff_t>(offset, 0, static_cast<ptrdiff_t>(bytes_.size()));
    throw Error(ErrorCode::kData,
                fmt::format("{}:{}: {}", path_, 1 + std::count(bytes_.begin(), end, '\n'), what));
  }
  [[noreturn]] void fail(const pugi::xml_node& node, const std::string& what) const {
    fail_at(node.offset_debug(), what);
  }

  void parse() {
    if (std::count(bytes_.begin(), bytes_.end(), '<') > kMaxEafElements)
      throw Error(ErrorCode::kData, fmt::format("{}: more than {} elements", path_, kMaxEafElements));
    if (bytes_.size() >= 2 &&
        (bytes_.compare(0, 2, "\xff\xfe") == 0 || bytes_.compare(0, 2, "\xfe\xff") == 0))
      throw Error(ErrorCode::kData,
                  path_ + ": the text is UTF-16; save it as UTF-8 (iconv -f utf-16 -t utf-8)");
    // White space inside annotations is theirs; that between elements is nobody's.
    const auto flags = pugi::parse_default | pugi::parse_doctype | pugi::parse_ws_pcdata_single;
    const auto result = document_.load_buffer(bytes_.data(), bytes_.size(), flags, pugi::encoding_utf8);
    if (!result) fail_at(result.offset, fmt::format("no XML: {}", result.description()));
  }

  /// No document type (its entities are how XML files explode), no depth, one root.
  void check_shape() const {
    int64_t num_roots = 0;
    for (const auto& node : document_.children()) {
      if (node.type() == pugi::node_doctype)
        fail(node, "a DOCTYPE; ELAN files have none, and its definitions are not followed");
      num_roots += node.type() == pugi::node_element ? 1 : 0;
    }
    if (num_roots != 1)
      throw Error(ErrorCode::kData, fmt::format("{}:1: {} root elements; expected one", path_, num_roots));
    int depth = 1;
    for (pugi::xml_node node = document_.document_element(); node;) {
      if (depth > kMaxEafDepth) fail(node, fmt::format("elements nested deeper than {}", kMaxEafDepth));
      if (node.first_child()) {
        node = node.first_child();
        ++depth;
        continue;
      }
      while (depth > 1 && !node.next_sibling()) {
        node = node.parent();
        --depth;
      }
      if (depth <= 1) break;
      node = node.next_sibling();
    }
  }

  pugi::xml_node child(const pugi::xml_node& node, const char* name) const {
    const auto found = node.child(name);
    if (!found) fail(node, fmt::format("{} has no {}", node.name(), name));
    return found;
  }
  std::string text_of(const pugi::xml_node& node, const char* raw) const {
    if (!detail::is_utf8(raw)) fail(node, fmt::format("text of {} is not UTF-8", node.name()));
    return raw;
  }
  /// All the text in an element: character data and CDATA sections.
  std::string content_of(const pugi::xml_node& node) const {
    std::string text;
    for (const auto& part : node.children()) text += part.value();
    return text_of(node, text.c_str());
  }
  std::string optional(const pugi::xml_node& node, const char* name) const {
    return text_of(node, node.attribute(name).value());
  }
  std::string required(const pugi::xml_node& node, const char* name) const {
    std::string value = optional(node, name);
    if (value.empty()) fail(node, fmt::format("{} without {}", node.name(), name));
    return value;
  }
  int64_t integer(const pugi::xml_node& node, const char* name, int64_t low) const {
    const std::string text = optional(node, name);
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < low || value > kMaxEafMs)
      fail(node, fmt::format("{} of {} is {}; expected a whole number of {} to {}", name, node.name(),
                             detail::shown(text), low, kMaxEafMs));
    return value;
  }

  void read_header(const pugi::xml_node& header) {
    const std::string units = optional(header, "TIME_UNITS");
    if (units == "NTSC-frames") {
      units_per_s_ = 30000.0 / 1001.0;
    } else if (units == "PAL-frames") {
      units_per_s_ = 25.0;
    } else if (!units.empty() && units != "milliseconds") {
      fail(header,
           fmt::format("TIME_UNITS {}; known: milliseconds, NTSC-frames, PAL-frames", detail::shown(units)));
    }
    const auto read_files = [&](const char* name, const char* url, const char* relative,
                                std::vector<EafMedia>& files) {
      for (const auto& node : header.children(name)) {
        EafMedia media{optional(node, url), optional(node, relative), optional(node, "MIME_TYPE"), 0.0};
        if (node.attribute("TIME_ORIGIN"))
          media.time_origin_s = static_cast<double>(integer(node, "TIME_ORIGIN", -kMaxEafMs)) / 1000.0;
        files.push_back(std::move(media));
      }
    };
    read_files("MEDIA_DESCRIPTOR", "MEDIA_URL", "RELATIVE_MEDIA_URL", file_.media);
    read_files("LINKED_FILE_DESCRIPTOR", "LINK_URL", "RELATIVE_LINK_URL", file_.linked_files);
    for (const auto& node : header.children("PROPERTY"))
      file_.properties[optional(node, "NAME")] = content_of(node);
  }

  void read_time_order(const pugi::xml_node& order) {
    for (const auto& node : order.children("TIME_SLOT")) {
      const auto slot = static_cast<int64_t>(times_.slots_s.size());
      if (!slots_.emplace(required(node, "TIME_SLOT_ID"), slot).second)
        fail(node, fmt::format("a second time slot {}", detail::shown(optional(node, "TIME_SLOT_ID"))));
      times_.slots_s.push_back(node.attribute("TIME_VALUE")
                                   ? static_cast<double>(integer(node, "TIME_VALUE", 0)) / units_per_s_
                                   : std::numeric_limits<double>::quiet_NaN());
    }
  }

  void read_vocabularies(const pugi::xml_node& root) {
    std::unordered_map<std::string, std::string> external;
    for (const auto& node : root.children("EXTERNAL_REF"))
      external[optional(node, "EXT_REF_ID")] = optional(node, "VALUE");
    for (const auto& node : root.children("CONTROLLED_VOCABULARY")) {
      EafVocabulary vocabulary;
      vocabulary.id = required(node, "CV_ID");
      if (!vocabularies_.insert(vocabulary.id).second)
        fail(node, fmt::format("a second controlled vocabulary {}", detail::shown(vocabulary.id)));
      if (node.attribute("DESCRIPTION")) vocabulary.descriptions[""] = optional(node, "DESCRIPTION");
      for (const auto& text : node.children("DESCRIPTION"))
        vocabulary.descriptions[optional(text, "LANG_REF")] = content_of(text);
      const auto url = external.find(optional(node, "EXT_REF"));
      if (url != external.end()) vocabulary.external_url = url->second;
      std::unordered_set<std::string> ids;
      for (const auto& word : node.children()) {
        EafEntry entry;
        entry.id = optional(word, "CVE_ID");
        if (std::string_view(word.name()) == "CV_ENTRY") {  // until 2.7
          entry.values[""] = content_of(word);
          if (word.attribute("DESCRIPTION")) entry.descriptions[""] = optional(word, "DESCRIPTION");
        } else if (std::string_view(word.name()) == "CV_ENTRY_ML") {
          for (const auto& value : word.children("CVE_VALUE")) {
            const std::string language = optional(value, "LANG_REF");
            entry.values[language] = content_of(value);
            if (value.attribute("DESCRIPTION")) entry.descriptions[language] = optional(value, "DESCRIPTION");
          }
        } else {
          continue;
        }
        if (!entry.id.empty() && !ids.insert(entry.id).second)
          fail(word, fmt::format("vocabulary {}: a second word with CVE_ID {}", detail::shown(vocabulary.id),
                                 detail::shown(entry.id)));
        if (++num_entries_ > kMaxEafEntries)
          fail(word, fmt::format("more than {} words in vocabularies", kMaxEafEntries));
        vocabulary.entries.push_back(std::move(entry));
      }
      file_.vocabularies.push_back(std::move(vocabulary));
    }
  }

  void read_type(const pugi::xml_node& node) {
    EafType type;
    type.id = required(node, "LINGUISTIC_TYPE_ID");
    if (!types_.insert(type.id).second)
      fail(node, fmt::format("a second linguistic type {}", detail::shown(type.id)));
    type.vocabulary = optional(node, "CONTROLLED_VOCABULARY_REF");
    if (!type.vocabulary.empty() && vocabularies_.count(type.vocabulary) == 0)
      fail(node, fmt::format("linguistic type {}: no controlled vocabulary {}", detail::shown(type.id),
                             detail::shown(type.vocabulary)));
    const std::string constraint = optional(node, "CONSTRAINTS");
    if (constraint == "Time_Subdivision")
      type.constraint = EafConstraint::kTimeSubdivision;
    else if (constraint == "Included_In")
      type.constraint = EafConstraint::kIncludedIn;
    else if (constraint == "Symbolic_Subdivision")
      type.constraint = EafConstraint::kSymbolicSubdivision;
    else if (constraint == "Symbolic_Association")
      type.constraint = EafConstraint::kSymbolicAssociation;
    else if (!constraint.empty())
      fail(node, fmt::format("linguistic type {}: constraint {}; known: Time_Subdivision, Included_In, "
                             "Symbolic_Subdivision, "
                             "Symbolic_Association",
                             detail::shown(type.id), detail::shown(constraint)));
    file_.types.push_back(std::move(type));
  }

  void read_tier(const pugi::xml_node& node) {
    EafTier tier;
    tier.id = required(node, "TIER_ID");
    tier.participant = optional(node, "PARTICIPANT");
    tier.annotator = optional(node, "ANNOTATOR");
    tier.type = required(node, "LINGUISTIC_TYPE_REF");
    tier.parent = optional(node, "PARENT_REF");
    tier.language = optional(node, "LANG_REF");
    if (!tiers_.emplace(tier.id, file_.tiers.size()).second)
      fail(node, fmt::format("a second tier {}", detail::shown(tier.id)));
    if (types_.count(tier.type) == 0)
      fail(node, fmt::format("tier {}: no linguistic type {}{}", detail::shown(tier.id),
                             detail::shown(tier.type), suggestion(tier.type)));
    std::vector<detail::EafPlace> places;
    for (const auto& outer : node.children("ANNOTATION")) {
      const pugi::xml_node inner = outer.first_child();
      const bool is_alignable = std::string_view(inner.name()) == "ALIGNABLE_ANNOTATION";
      if (!is_alignable && std::string_view(inner.name()) != "REF_ANNOTATION")
        fail(outer, "ANNOTATION without ALIGNABLE_ANNOTATION or REF_ANNOTATION");
      EafAnnotation annotation;
      annotation.id = required(inner, "ANNOTATION_ID");
      annotation.entry = optional(inner, "CVE_REF");
      annotation.value = content_of(inner.child("ANNOTATION_VALUE"));
      detail::EafPlace place;
      place.offset = inner.offset_debug();
      if (is_alignable) {
        place.start_slot = slot_of(inner, "TIME_SLOT_REF1");
        place.end_slot = slot_of(inner, "TIME_SLOT_REF2");
      } else {
        annotation.parent = required(inner, "ANNOTATION_REF");
        place.previous = optional(inner, "PREVIOUS_ANNOTATION");
      }
      if (!annotations_.emplace(annotation.id, file_.tiers.size()).second)
        fail(inner, fmt::format("a second annotation {}", detail::shown(annotation.id)));
      tier.annotations.push_back(std::move(annotation));
      places.push_back(std::move(place));
    }
    file_.tiers.push_back(std::move(tier));
    times_.places.push_back(std::move(places));
  }

  int64_t slot_of(const pugi::xml_node& node, const char* name) const {
    const std::string id = required(node, name);
    const auto found = slots_.find(id);
    if (found == slots_.end()) fail(node, fmt::format("{} {}: no such time slot", name, detail::shown(id)));
    return found->second;
  }

  /// Parents may stand below their children in the file.
  void check_references(const pugi::xml_node& node) const {
    const size_t index = tiers_.at(node.attribute("TIER_ID").value());
    const EafTier& tier = file_.tiers[index];
    const auto parent = tiers_.find(tier.parent);
    if (!tier.parent.empty() && parent == tiers_.end())
      fail(node,
           fmt::format("tier {}: no parent tier {}", detail::shown(tier.id), detail::shown(tier.parent)));
    for (size_t i = 0; i < tier.annotations.size(); ++i) {
      const auto& place = times_.places[index][i];
      if (place.start_slot >= 0) continue;
      const auto found = annotations_.find(tier.annotations[i].parent);
      if (parent == tiers_.end() || found == annotations_.end() || found->second != parent->second)
        fail_at(place.offset,
                fmt::format("annotation {} refers to {}, which is no annotation of the parent tier {}",
                            detail::shown(tier.annotations[i].id), detail::shown(tier.annotations[i].parent),
                            detail::shown(tier.parent)));
    }
  }

  std::string suggestion(const std::string& type) const {
    return core::did_you_mean(type, std::vector<std::string>(types_.begin(), types_.end()));
  }

  std::string path_;
  std::string bytes_;
  pugi::xml_document document_;
  EafFile file_;
  detail::EafTimes times_;
  size_t num_entries_ = 0;
  double units_per_s_ = 1000.0;
  std::unordered_map<std::string, int64_t> slots_;
  std::unordered_map<std::string, size_t> tiers_;
  std::unordered_map<std::string, size_t> annotations_;  ///< id -> tier
  std::unordered_set<std::string> vocabularies_;
  std::unordered_set<std::string> types_;
};

}  // namespace

const EafTier* EafFile::tier(const std::string& id) const {
  const auto found = std::find_if(tiers.begin(), tiers.end(), [&](const EafTier& t) { return t.id == id; });
  return found == tiers.end() ? nullptr : &*found;
}

const EafType* EafFile::type_of(const EafTier& tier) const {
  const auto found =
      std::find_if(types.begin(), types.end(), [&](const EafType& t) { return t.id == tier.type; });
  return found == types.end() ? nullptr : &*found;
}

const EafVocabulary* EafFile::vocabulary_of(const EafTier& tier) const {
  const EafType* type = type_of(tier);
  if (type == nullptr || type->vocabulary.empty()) return nullptr;
  const auto found = std::find_if(vocabularies.begin(), vocabularies.end(),
                                  [&](const EafVocabulary& v) { return v.id == type->vocabulary; });
  return found == vocabularies.end() ? nullptr : &*found;
}

const EafEntry* EafFile::entry_of(const EafTier& tier, const EafAnnotation& annotation) const {
  const EafVocabulary* vocabulary = vocabulary_of(tier);
  if (vocabulary == nullptr) return nullptr;
  for (const EafEntry& entry : vocabulary->entries) {
    if (!annotation.entry.empty() && entry.id == annotation.entry) return &entry;
  }
  for (const EafEntry& entry : vocabulary->entries) {
    for (const auto& [language, value] : entry.values) {
      if (value == annotation.value) return &entry;
    }
  }
  return nullptr;
}

std::string EafFile::label_of(const EafTier& tier, const EafAnnotation& annotation,
                              const std::string& language) const {
  const EafEntry* entry = language.empty() ? nullptr : entry_of(tier, annotation);
  if (entry == nullptr) return annotation.value;
  const auto found = entry->values.find(language);
  return found == entry->values.end() ? annotation.value : found->second;
}

EafFile read_eaf(const std::string& path) {
  return EafReader(path).read();
}

}  // namespace limbic::formats
