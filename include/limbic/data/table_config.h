#pragma once
#include <map>
#include <string>
#include <vector>

#include "limbic/config/checks.h"

namespace limbic::data {

/// Which column of the table says what; empty = none does.
struct TableColumns {
  std::string id, subject, session, dialogue, turn, clip, split, start_s, end_s, text, media;

  template <class Visitor>
  void visit(Visitor& v) {
    v("id", id, "name of the sample, unique; none: the row number");
    v("subject", subject, "who is seen or heard");
    v("session", session, "recording session");
    v("dialogue", dialogue, "conversation");
    v("turn", turn, "place in the conversation, a whole number");
    v("clip", clip, "recording; none: the media file");
    v("split", split, "official split");
    v("start_s", start_s, "start on the recording's clock, seconds");
    v("end_s", end_s, "end on the recording's clock, seconds");
    v("text", text, "transcript");
    v("media", media, "file of sound, video or a picture, relative to `root`");
  }
};

/// A task: its column and classes.
struct LabelColumn {
  std::string column;
  std::vector<std::string> classes;           ///< empty: as they occur, sorted
  std::map<std::string, std::string> rename;  ///< what stands in the table -> class
  std::vector<std::string> missing{"", "-", "NA", "nan"};

  template <class Visitor>
  void visit(Visitor& v) {
    v("column", column, "column; none: the task's name");
    v("classes", classes, "class names in order; none: as they occur, sorted");
    v("rename", rename, "what stands in the table -> class");
    v("missing", missing, "texts that say that the label is unknown");
  }
};

/// A continuous annotation.
struct ValueColumn {
  std::string column;
  double scale = 1.0;
  double offset = 0.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("column", column, "column; none: the value's name");
    v("scale", scale, "value = scale * stored + offset");
    v("offset", offset, "value = scale * stored + offset");
  }
};

/// Features that another tool computed, one file a recording.
struct FeatureFiles {
  std::string path;
  std::string format;
  double rate_hz = 0.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v("path", path, "file with {column} in place of a column's text, such as openface/{clip}.csv");
    v("format", format, "openface, opensmile, pyfeat, csv, npy or npz; none: by extension and header");
    v("rate_hz", rate_hz, "frames per second, where the file does not say");
  }
  void validate(config::Checks& checks) const {
    checks.expect(!path.empty(), "path", "must name a file");
    checks.expect(rate_hz >= 0, "rate_hz", "must not be negative");
  }
};

/// A corpus of anybody's own: a table of samples with their files beside it.
struct TableConfig {
  std::string name;
  std::string licence;
  std::string citation;
  std::string table = "metadata.csv";
  std::string root = ".";
  TableColumns columns;
  std::map<std::string, LabelColumn> labels;
  std::map<std::string, ValueColumn> values;
  std::vector<std::string> attributes;
  std::map<std::string, FeatureFiles> features;
  std::vector<std::string> known_defects;

  template <class Visitor>
  void visit(Visitor& v) {
    v("name", name, "name of the corpus");
    v("licence", licence, "terms that hold for the data");
    v("citation", citation, "what to cite");
    v("table", table, "csv, tsv or jsonl with one sample a row, relative to this file");
    v("root", root, "folder of media and features, relative to this file");
    v("columns", columns, "which column says what");
    v("labels", labels, "task -> its column");
    v("values", values, "continuous annotation -> its column");
    v("attributes", attributes, "further columns to keep as text");
    v("features", features, "stream -> files of features that another tool computed");
    v("known_defects", known_defects, "defects that users of the corpus should know of");
  }
  void validate(config::Checks& checks) const {
    checks.expect(!name.empty(), "name", "must not be empty");
    checks.expect(!table.empty(), "table", "must name a file");
  }
};

}  // namespace limbic::data
