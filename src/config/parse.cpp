#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <unordered_set>

#include "limbic/config/node.h"
#include "limbic/config/report.h"
#include "limbic/core/error.h"
#include "limbic/core/utf8.h"
#include "message.h"

namespace limbic::config {
namespace {

Location place(const std::shared_ptr<const Source>& source, const YAML::Mark& mark) {
  if (mark.is_null()) return {source, 1, 1};
  return {source, mark.line + 1, mark.column + 1};
}

Location place_of_byte(const std::shared_ptr<const Source>& source, size_t byte) {
  const std::string_view before = std::string_view(source->text).substr(0, byte);
  const size_t line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return {source, 1 + static_cast<int>(std::count(before.begin(), before.end(), '\n')),
          1 + static_cast<int>(byte - line_start)};
}

[[noreturn]] void stop(Report& report, const Location& at, const std::string& message) {
  report.add(at, message);
  report.throw_if_any();
  throw Error(ErrorCode::kInternal, message);  // not reached: the report has a problem
}

// Note [Hostile YAML]
// yaml-cpp looks ahead as far as a flow collection may still turn out to be a key, so a file of a million '['
// costs it 1.5 s and 274 MB before it tells us of the first one. The bytes are therefore looked at first:
// size, encoding, and the number of '[', '{' and ',' (whether they stand in quotes or not; no recipe has this
// many). What remains is bounded while the tree is built, event by event: nesting, number of values, no
// aliases.
void check_bytes(const std::shared_ptr<const Source>& source, Report& report) {
  constexpr int kMaxBrackets = 20000;
  constexpr int kMaxCommas = 100000;
  const std::string& text = source->text;
  if (text.size() > kMaxDocumentBytes) {
    stop(report, {source, 0, 0},
         fmt::format("{} bytes; a config file is at most 1 MiB, larger data belongs in a file of its own",
                     text.size()));
  }
  if (const size_t bad_at = core::find_bad_utf8(text); bad_at != std::string_view::npos)
    stop(report, place_of_byte(source, bad_at), "not UTF-8; save the file as UTF-8");
  int num_brackets = 0;
  int num_commas = 0;
  int depth = 0;
  bool is_deep = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r') {
      stop(report, place_of_byte(source, i),
           fmt::format("control character 0x{:02x}; expected text", static_cast<unsigned>(c)));
    }
    if (c == '[' || c == '{') {
      ++num_brackets;
      is_deep = is_deep || ++depth > kMaxNesting;
      if (num_brackets > kMaxBrackets) {
        stop(report, place_of_byte(source, i),
             is_deep ? fmt::format("nesting > {}; a config is never that deep", kMaxNesting)
                     : fmt::format("more than {} '[' and '{{' in a config", kMaxBrackets));
      }
    }
    if (c == ']' || c == '}') --depth;
    if (c == ',' && ++num_commas > kMaxCommas) {
      stop(report, place_of_byte(source, i), fmt::format("more than {} ',' in a config", kMaxCommas));
    }
  }
}

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::shared_ptr<const Source> source, Report& report)
      : source_(std::move(source)), report_(report) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++num_documents_ > 1) stop(report_, place(source_, mark), "a second document; expected one per file");
  }
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
    stop(report_, place(source_, mark),
         "anchors are not allowed: '&" + one_line(name) + "'; write the value out, or share it with `base:`");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    stop(report_, place(source_, mark),
         "aliases are not allowed; write the value out, or share it with `base:`");
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    if (expects_key()) stop(report_, place(source_, mark), "expected a key before ':', got nothing (null)");
    Node node;
    node.at = place(source_, mark);
    add(std::move(node), mark);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse(mark, tag, anchor);
    if (expects_key()) {
      set_key(mark, tag, value);
      return;
    }
    Node node = Node::scalar(value, tag == "!");
    node.at = place(source_, mark);
    add(std::move(node), mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::sequence(), mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::map(), mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

  /// To be called at the end: an unclosed '[' first looks like a key, and then yaml-cpp's own message is the
  /// better one.
  void finish() {
    if (strange_key_at_.is_known())
      stop(report_, strange_key_at_, "a list or mapping as a key; expected a word");
  }

  Node root;

 private:
  struct Frame {
    Node node;
    YAML::Mark mark;
    bool has_key = false;
    bool is_repeated = false;  // the key stood in this map before, or is none: its value is dropped
    bool is_key = false;       // the collection stands where a key should
    std::string key;
    Location key_at;
    std::unordered_set<std::string> keys;
  };

  bool expects_key() const {
    return !frames_.empty() && frames_.back().node.is_map() && !frames_.back().has_key;
  }

  void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) stop(report_, place(source_, mark), "anchors are not allowed; write the value out");
  }

  void refuse(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    refuse_anchor(mark, anchor);
    if (!tag.empty() && tag != "?" && tag != "!") {
      stop(report_, place(source_, mark),
           "tags are not allowed: '" + one_line(tag) + "'; the type follows from the key");
    }
  }

  void set_key(const YAML::Mark& mark, const std::string& tag, const std::string& key) {
    const Location at = place(source_, mark);
    if (key == "<<" && tag != "!")
      stop(report_, at, "merge keys are not allowed: '<<'; share values with `base:`");
    Frame& frame = frames_.back();
    frame.has_key = true;
    frame.key = key;
    frame.key_at = at;
    frame.is_repeated = !frame.keys.insert(key).second;
    if (frame.is_repeated) {
      const Node* first = report_.is_full() ? nullptr : frame.node.find(key);
      report_.add(at,
                  fmt::format("duplicate key '{}'{}", one_line(key),
                              first != nullptr ? fmt::format("; first at line {}", first->key_at.line)
                                               : std::string()),
                  key.size());
    }
  }

  void open(Node node, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    refuse(mark, tag, anchor);
    const Location at = place(source_, mark);
    const bool is_key = expects_key();
    if (is_key && !strange_key_at_.is_known()) strange_key_at_ = at;
    if (static_cast<int>(frames_.size()) >= kMaxNesting) {
      stop(report_, at, fmt::format("nesting > {}; a config is never that deep", kMaxNesting));
    }
    Frame frame;
    frame.node = std::move(node);
    frame.node.at = at;
    frame.mark = mark;
    frame.is_key = is_key;
    frames_.push_back(std::move(frame));
  }

  void close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    if (frame.is_key) {
      frames_.back().has_key = true;
      frames_.back().is_repeated = true;
      return;
    }
    add(std::move(frame.node), frame.mark);
  }

  void add(Node node, const YAML::Mark& mark) {
    if (++num_nodes_ > kMaxNodes) {
      stop(report_, place(source_, mark), fmt::format("more than {} values in a config", kMaxNodes));
    }
    if (frames_.empty()) {
      root = std::move(node);
      return;
    }
    Frame& frame = frames_.back();
    if (frame.node.is_map()) {
      frame.has_key = false;
      if (frame.is_repeated) return;
      node.key = std::move(frame.key);
      node.key_at = frame.key_at;
    }
    frame.node.children.push_back(std::move(node));
  }

  std::shared_ptr<const Source> source_;
  Report& report_;
  std::vector<Frame> frames_;
  Location strange_key_at_;
  size_t num_nodes_ = 0;
  int num_documents_ = 0;
};

}  // namespace

Node parse_source(std::shared_ptr<const Source> source, Report& report) {
  check_bytes(source, report);
  TreeBuilder builder(source, report);
  try {
    std::istringstream stream(source->text);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
    builder.finish();
  } catch (const YAML::Exception& e) {
    stop(report, place(source, e.mark), "not valid YAML: " + one_line(e.msg, 120));
  }
  if (!builder.root.at.is_known()) builder.root.at = {source, 1, 1};
  return std::move(builder.root);
}

Node parse_text(const std::string& text, const std::string& name) {
  Report report(name);
  Node root = parse_source(std::make_shared<const Source>(Source{name, text, false}), report);
  report.throw_if_any();
  return root;
}

}  // namespace limbic::config
