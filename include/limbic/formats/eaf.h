#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace limbic::formats {

/// A media file, or another file that ELAN shows beside it.
struct EafMedia {
  std::string url;           ///< "file:///C:/corpus/dyad1.mp4": where it lay for whoever saved the file
  std::string relative_url;  ///< "./dyad1.mp4": seen from the .eaf; may be empty
  std::string mime_type;
  double time_origin_s = 0.0;  ///< where time 0 of the annotations lies in this file
};

struct EafLanguage {
  std::string id;          ///< "eng"
  std::string definition;  ///< an address that defines it
  std::string label;
};

/// How annotations of a child tier lie in those of its parent.
enum class EafConstraint {
  kNone,                 ///< a tier without a parent
  kTimeSubdivision,      ///< they fill the parent's time without gaps
  kIncludedIn,           ///< they lie within the parent's time
  kSymbolicSubdivision,  ///< an ordered list for each parent, without times of its own
  kSymbolicAssociation,  ///< one for each parent, with its time
};

/// A word of a controlled vocabulary.
struct EafEntry {
  std::string id;                                   ///< CVE_ID; empty in most files before 2.8
  std::map<std::string, std::string> values;        ///< by language; "" before 2.8
  std::map<std::string, std::string> descriptions;  ///< by language
};

struct EafVocabulary {
  std::string id;
  std::map<std::string, std::string> descriptions;  ///< by language
  std::vector<EafEntry> entries;
  std::string external_url;  ///< its words lie in an .ecv file elsewhere and are not read
};

/// A linguistic type: what kind of annotations a tier holds.
struct EafType {
  std::string id;
  EafConstraint constraint = EafConstraint::kNone;
  std::string vocabulary;  ///< id, or empty
  bool is_alignable() const {
    return constraint != EafConstraint::kSymbolicSubdivision &&
           constraint != EafConstraint::kSymbolicAssociation;
  }
};

struct EafAnnotation {
  std::string id;  ///< unique in the file; the writer gives one where it is empty
  double start_s = 0.0;
  double end_s = 0.0;  ///< [start, end)
  std::string value;
  std::string parent{};          ///< id of the annotation of the parent tier that this one belongs to
  std::string entry{};           ///< id of the vocabulary's word that was picked, or empty
  bool is_start_aligned = true;  ///< false: nobody set this time; it is estimated as ELAN does
  bool is_end_aligned = true;
};

struct EafTier {
  std::string id;
  std::string participant{};
  std::string annotator{};
  std::string type{};                        ///< id; the writer takes empty for a plain type of its own
  std::string parent{};                      ///< id of a tier, or empty
  std::string language{};                    ///< id, or empty
  std::vector<EafAnnotation> annotations{};  ///< by start, then as in the file
};

/// An ELAN annotation file.
struct EafFile {
  std::string author;
  std::string
      date;  ///< xsd:dateTime; the writer takes empty for 1970, so that equal content gives equal bytes
  std::string format = "3.0";
  std::vector<EafMedia> media;
  std::vector<EafMedia> linked_files;
  std::map<std::string, std::string> properties;
  std::vector<EafLanguage> languages;
  std::vector<EafType> types;
  std::vector<EafVocabulary> vocabularies;
  std::vector<EafTier> tiers;
  std::vector<std::string> notes;  ///< what is odd about the file and was read all the same

  const EafTier* tier(const std::string& id) const;
  const EafType* type_of(const EafTier& tier) const;
  const EafVocabulary* vocabulary_of(const EafTier& tier) const;
  /// The vocabulary's word that an annotation stands for: by its id, else by its text in any language. Null
  /// when the tier has no vocabulary or the annotation's text is none of its words.
  const EafEntry* entry_of(const EafTier& tier, const EafAnnotation& annotation) const;
  /// The annotation's text; for a word of a vocabulary its text in `language`, where it has one.
  std::string label_of(const EafTier& tier, const EafAnnotation& annotation,
                       const std::string& language = "") const;
};

/// Reads ELAN annotation files of format 2.x and 3.0 (EAFv3.0.xsd and its predecessors). References that lead
/// nowhere, circles of tiers and doubled ids are refused. Times that nobody set are spread evenly between
/// their neighbours on the tier, as ELAN shows them; reference annotations take the parent's time, or an
/// equal share of it. Limits: 64 MiB, four million elements, 32 levels; a file with a DOCTYPE is refused.
/// @throws Error(kData) `path:line: ...`
EafFile read_eaf(const std::string& path);

/// Writes format 3.0, atomically. Times are rounded to milliseconds, the format's unit. Annotations of a tier
/// must not overlap; those of a time subdivision must fill their parents; `parent` must name an annotation of
/// the parent tier. Vocabulary texts of no language are written as language "und"; format and notes of `file`
/// are not used. @throws Error(kData) `path: tier 'x': ...`, Error(kStorage)
void write_eaf(const std::string& path, const EafFile& file);

}  // namespace limbic::formats
