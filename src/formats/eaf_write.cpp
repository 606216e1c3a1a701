#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "byte_source.h"
#include "eaf_slots.h"
#include "limbic/core/atomic_file.h"
#include "limbic/core/error.h"
#include "limbic/formats/eaf.h"
#include "text_input.h"

namespace limbic::formats {
namespace {

constexpr const char* kDefaultEafType = "default-lt";
constexpr const char* kUndetermined = "und";

struct EafStereotype {
  EafConstraint constraint;
  const char* name;
  const char* description;
};
/// The descriptions are ELAN's own.
constexpr std::array<EafStereotype, 4> kEafStereotypes{
    {{EafConstraint::kTimeSubdivision, "Time_Subdivision",
      "Time subdivision of parent annotation's time interval, no time gaps allowed within this interval"},
     {EafConstraint::kSymbolicSubdivision, "Symbolic_Subdivision",
      "Symbolic subdivision of a parent annotation. Annotations refering to the same parent are ordered"},
     {EafConstraint::kSymbolicAssociation, "Symbolic_Association",
      "1-1 association with a parent annotation"},
     {EafConstraint::kIncludedIn, "Included_In",
      "Time alignable annotations within the parent annotation's time interval, gaps are allowed"}}};

/// "2026-11-22T04:00:00+01:00", with an optional fraction and zone.
bool is_xml_date(const std::string& date) {
  constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd";
  if (date.size() < kShape.size()) return false;
  for (size_t i = 0; i < kShape.size(); ++i) {
    if (kShape[i] == 'd' ? date[i] < '0' || date[i] > '9' : date[i] != kShape[i]) return false;
  }
  return date.find_first_not_of("0123456789.:+-Z", kShape.size()) == std::string::npos;
}

/// The text of a file, element by element in the order of EAFv3.0.xsd.
class EafDocument {
 public:
  EafDocument(const std::string& path, const EafFile& file) : path_(path), file_(file), plan_(path, file) {}

  std::string text() {
    check(file_.date.empty() || is_xml_date(file_.date),
          "date {}; expected the form 2026-11-22T04:00:00+01:00", detail::shown(file_.date));
    out_ = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ANNOTATION_DOCUMENT AUTHOR=\"" +
           escaped(file_.author) + "\" DATE=\"" +
           (file_.date.empty() ? "1970-01-01T00:00:00+00:00" : file_.date) +
           "\" FORMAT=\"3.0\" VERSION=\"3.0\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
           "xsi:noNamespaceSchemaLocation=\"http://www.mpi.nl/tools/elan/EAFv3.0.xsd\">\n";
    write_header();
    write_time_order();
    for (size_t t = 0; t < file_.tiers.size(); ++t) write_tier(t);
    write_types();
    write_languages();
    for (const auto& stereotype : kEafStereotypes)
      line(1, "<CONSTRAINT" + attribute("DESCRIPTION", stereotype.description) +
                  attribute("STEREOTYPE", stereotype.name) + "/>");
    std::set<std::string> seen;
    for (const EafVocabulary& vocabulary : file_.vocabularies) {
      check(!vocabulary.id.empty() && seen.insert(vocabulary.id).second,
            "controlled vocabulary {} has no name of its own", detail::shown(vocabulary.id));
      write_vocabulary(vocabulary);
    }
    for (const auto& [url, id] : external_)
      line(1,
           "<EXTERNAL_REF" + attribute("EXT_REF_ID", id) + " TYPE=\"ecv\"" + attribute("VALUE", url) + "/>");
    out_ += "</ANNOTATION_DOCUMENT>\n";
    return std::move(out_);
  }

 private:
  template <class... Args>
  void check(bool ok, fmt::format_string<Args...> what, Args&&... args) const {
    if (!ok) throw Error(ErrorCode::kData, path_ + ": " + fmt::format(what, std::forward<Args>(args)...));
  }

  /// @throws for text that XML cannot hold
  std::string escaped(const std::string& text) const {
    std::string out;
    bool is_xml = detail::is_utf8(text) && text.find("\xEF\xBF\xBE") == std::string::npos &&
                  text.find("\xEF\xBF\xBF") == std::string::npos;  // U+FFFE, U+FFFF
    for (const char c : text) {
      if (c == '&')
        out += "&amp;";
      else if (c == '<')
        out += "&lt;";
      else if (c == '>')
        out += "&gt;";
      else if (c == '"')
        out += "&quot;";
      else if (c == '\t' || c == '\n' || c == '\r')
        out += fmt::format("&#{};", static_cast<int>(c));
      else
        out += c;
      is_xml = is_xml && (static_cast<unsigned char>(c) >= 0x20 || c == '\t' || c == '\n' || c == '\r');
    }
    if (!is_xml)
      throw Error(ErrorCode::kData,
                  fmt::format("{}: text {} is not UTF-8 or has a character that XML cannot hold", path_,
                              detail::shown(text)));
    return out;
  }
  /// Empty for an empty value.
  std::string attribute(const char* name, const std::string& value) const {
    return value.empty() ? "" : fmt::format(" {}=\"{}\"", name, escaped(value));
  }
  void line(int depth, const std::string& text) {
    out_.append(static_cast<size_t>(depth) * 4, ' ');
    out_ += text;
    out_ += '\n';
  }

  void write_header() {
    line(1, "<HEADER MEDIA_FILE=\"\" TIME_UNITS=\"milliseconds\">");
    write_files("MEDIA_DESCRIPTOR", "MEDIA_URL", "RELATIVE_MEDIA_URL", file_.media);
    write_files("LINKED_FILE_DESCRIPTOR", "LINK_URL", "RELATIVE_LINK_URL", file_.linked_files);
    auto properties = file_.properties;
    properties["lastUsedAnnotationId"] = std::to_string(plan_.last_number());  // ELAN counts on from here
    for (const auto& [name, value] : properties)
      line(2, fmt::format("<PROPERTY NAME=\"{}\">{}</PROPERTY>", escaped(name), escaped(value)));
    line(1, "</HEADER>");
  }
  void write_files(const char* element, const char* url, const char* relative,
                   const std::vector<EafMedia>& files) {
    for (const EafMedia& media : files) {
      const double origin_ms = std::nearbyint(media.time_origin_s * 1000.0);
      check(std::abs(origin_ms) < 1e15, "{}: time origin {} s", detail::shown(media.url),
            media.time_origin_s);
      line(2, fmt::format(
                  "<{} {}=\"{}\" MIME_TYPE=\"{}\"{}{}/>", element, url, escaped(media.url),
                  escaped(media.mime_type), attribute(relative, media.relative_url),
                  origin_ms == 0 ? "" : fmt::format(" TIME_ORIGIN=\"{}\"", static_cast<int64_t>(origin_ms))));
    }
  }

  void write_time_order() {
    if (plan_.order().empty()) return line(1, "<TIME_ORDER/>");
    line(1, "<TIME_ORDER>");
    for (const size_t slot : plan_.order()) {
      const auto value =
          plan_.slot(slot).is_aligned ? fmt::format(" TIME_VALUE=\"{}\"", plan_.slot(slot).ms) : "";
      line(2, fmt::format("<TIME_SLOT TIME_SLOT_ID=\"{}\"{}/>", plan_.slot_id(slot), value));
    }
    line(1, "</TIME_ORDER>");
  }

  void write_tier(size_t t) {
    const EafTier& tier = file_.tiers[t];
    const std::string head =
        "<TIER" + attribute("ANNOTATOR", tier.annotator) + attribute("LANG_REF", language_of(tier.language)) +
        attribute("LINGUISTIC_TYPE_REF", tier.type.empty() ? kDefaultEafType : tier.type) +
        attribute("PARENT_REF", tier.parent) + attribute("PARTICIPANT", tier.participant) +
        attribute("TIER_ID", tier.id);
    if (tier.annotations.empty()) return line(1, head + "/>");
    line(1, head + ">");
    std::map<std::string, std::string> previous;
    for (size_t i = 0; i < tier.annotations.size(); ++i) {
      const EafAnnotation& annotation = tier.annotations[i];
      const auto [start, end] = plan_.slots_of(t, i);
      const bool is_alignable = start != plan_.kNone;
      const char* element = is_alignable ? "ALIGNABLE_ANNOTATION" : "REF_ANNOTATION";
      std::string place;
      if (is_alignable) {
        place = attribute("TIME_SLOT_REF1", plan_.slot_id(start)) +
                attribute("TIME_SLOT_REF2", plan_.slot_id(end));
      } else {
        std::string& before = previous[annotation.parent];
        place = attribute("ANNOTATION_REF", annotation.parent) + attribute("PREVIOUS_ANNOTATION", before);
        before = plan_.name(t, i);
      }
      line(2, "<ANNOTATION>");
      line(3, fmt::format("<{}{}{}{}>", element, attribute("ANNOTATION_ID", plan_.name(t, i)),
                          attribute("CVE_REF", annotation.entry), place));
      line(4, "<ANNOTATION_VALUE>" + escaped(annotation.value) + "</ANNOTATION_VALUE>");
      line(3, fmt::format("</{}>", element));
      line(2, "</ANNOTATION>");
    }
    line(1, "</TIER>");
  }

  void write_types() {
    std::set<std::string> seen;
    for (const EafType& type : file_.types) {
      check(!type.id.empty() && seen.insert(type.id).second, "linguistic type {} has no name of its own",
            detail::shown(type.id));
      write_type(type);
    }
    const bool needs_default = std::any_of(file_.tiers.begin(), file_.tiers.end(),
                                           [](const EafTier& tier) { return tier.type.empty(); });
    if (needs_default && seen.count(kDefaultEafType) == 0)
      write_type({kDefaultEafType, EafConstraint::kNone, ""});
  }
  void write_type(const EafType& type) {
    const auto named = [&](const EafVocabulary& v) { return v.id == type.vocabulary; };
    check(type.vocabulary.empty() || std::any_of(file_.vocabularies.begin(), file_.vocabularies.end(), named),
          "linguistic type {}: no controlled vocabulary {}", detail::shown(type.id),
          detail::shown(type.vocabulary));
    std::string constraint;
    for (const auto& stereotype : kEafStereotypes) {
      if (stereotype.constraint == type.constraint) constraint = stereotype.name;
    }
    line(1, fmt::format("<LINGUISTIC_TYPE{}{} GRAPHIC_REFERENCES=\"false\"{} TIME_ALIGNABLE=\"{}\"/>",
                        attribute("CONSTRAINTS", constraint),
                        attribute("CONTROLLED_VOCABULARY_REF", type.vocabulary),
                        attribute("LINGUISTIC_TYPE_ID", type.id), type.is_alignable()));
  }

  void write_languages() {
    for (const EafLanguage& language : file_.languages)
      line(1, "<LANGUAGE" + attribute("LANG_DEF", language.definition) + attribute("LANG_ID", language.id) +
                  attribute("LANG_LABEL", language.label) + "/>");
    const auto is_nameless = [](const std::map<std::string, std::string>& texts) {
      return texts.count("") > 0 || texts.count(kUndetermined) > 0;
    };
    bool is_needed = std::any_of(file_.tiers.begin(), file_.tiers.end(),
                                 [](const EafTier& tier) { return tier.language == kUndetermined; });
    for (const EafVocabulary& vocabulary : file_.vocabularies) {
      is_needed = is_needed || is_nameless(vocabulary.descriptions);
      for (const EafEntry& entry : vocabulary.entries) is_needed = is_needed || is_nameless(entry.values);
    }
    if (is_needed && !has_language(kUndetermined))
      line(1, fmt::format("<LANGUAGE LANG_DEF=\"http://cdb.iso.org/lg/CDB-00130975-001\" LANG_ID=\"{}\" "
                          "LANG_LABEL=\"undetermined (und)\"/>",
                          kUndetermined));
  }
  bool has_language(const std::string& id) const {
    return std::any_of(file_.languages.begin(), file_.languages.end(),
                       [&](const EafLanguage& language) { return language.id == id; });
  }
  const std::string& language_of(const std::string& language) const {
    check(language.empty() || language == kUndetermined || has_language(language),
          "language {} is used, but not among the file's languages", detail::shown(language));
    return language;
  }
  std::string language_or_und(const std::string& language) const {
    return language.empty() ? kUndetermined : language_of(language);
  }

  void write_vocabulary(const EafVocabulary& vocabulary) {
    std::string external;
    if (!vocabulary.external_url.empty()) {
      const auto [url, is_new] = external_.try_emplace(vocabulary.external_url);
      while (is_new && (url->second.empty() || !plan_.reserve(url->second)))
        url->second = fmt::format("er{}", ++num_external_);
      external = url->second;
    }
    line(1,
         "<CONTROLLED_VOCABULARY" + attribute("CV_ID", vocabulary.id) + attribute("EXT_REF", external) + ">");
    for (const auto& [language, text] : vocabulary.descriptions)
      line(2, fmt::format("<DESCRIPTION LANG_REF=\"{}\">{}</DESCRIPTION>", language_or_und(language),
                          escaped(text)));
    std::set<std::string> ids;
    for (const EafEntry& entry : vocabulary.entries) {
      check(entry.id.empty() || ids.insert(entry.id).second, "vocabulary {}: a second word with id {}",
            detail::shown(vocabulary.id), detail::shown(entry.id));
    }
    int64_t next = 0;
    for (const EafEntry& entry : vocabulary.entries) {
      std::string id = entry.id;
      while (entry.id.empty() && (id.empty() || !ids.insert(id).second)) id = fmt::format("cveid{}", next++);
      check(!entry.values.empty(), "vocabulary {}: word {} has no text", detail::shown(vocabulary.id),
            detail::shown(id));
      line(2, fmt::format("<CV_ENTRY_ML CVE_ID=\"{}\">", escaped(id)));
      for (const auto& [language, text] : entry.values) {
        const auto description = entry.descriptions.find(language);
        line(3, fmt::format("<CVE_VALUE{} LANG_REF=\"{}\">{}</CVE_VALUE>",
                            attribute("DESCRIPTION",
                                      description == entry.descriptions.end() ? "" : description->second),
                            language_or_und(language), escaped(text)));
      }
      line(2, "</CV_ENTRY_ML>");
    }
    line(1, "</CONTROLLED_VOCABULARY>");
  }

  std::string path_;
  const EafFile& file_;
  detail::EafSlotPlan plan_;
  std::string out_;
  std::map<std::string, std::string> external_;  ///< url -> id
  int64_t num_external_ = 0;
};

}  // namespace

void write_eaf(const std::string& path, const EafFile& file) {
  core::write_file(path, EafDocument(path, file).text());
}

}  // namespace limbic::formats
