#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "safetensors_header.h"

namespace limbic::formats::detail {
namespace {

constexpr uint64_t kMaxTokenBytes = 1 << 20;
constexpr uint64_t kMaxHeaderMemory = 32 << 20;
constexpr size_t kMaxRank = 64;  // LibTorch's iterators go no further

/// What else a file may be that someone calls weights, by its first bytes; empty when unknown.
std::string other_format(std::string_view head) {
  using namespace std::string_view_literals;
  const auto starts = [&](std::string_view magic) { return head.substr(0, magic.size()) == magic; };
  if (starts("PK\x03\x04"sv)) {
    return "it is a zip archive (PyTorch .pt or TorchScript), which can run code when it is loaded; convert "
           "it to "
           "safetensors with a program you trust";
  }
  if (head.size() >= 2 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5) {
    return "it is a Python pickle, which can run code when it is loaded; convert it to safetensors with a "
           "program "
           "you trust";
  }
  if (starts("\x93NUMPY"sv)) return "it is a NumPy .npy file";
  if (starts("\x89HDF"sv)) return "it is an HDF5 file";
  if (starts("GGUF"sv)) return "it is a GGUF file";
  if (starts("version "sv)) return "it is a git-lfs pointer; fetch the file itself with git lfs pull";
  if (starts("<!"sv) || starts("<html"sv)) return "it is a web page; the download went wrong";
  if (starts("\x1f\x8b"sv)) return "it is gzip data; unpack it first";
  return "";
}

/// The header's bytes as a stream that counts how many went by since the parser last reported something.
class HeaderFeed {
 public:
  HeaderFeed(const ByteSource& source, uint64_t begin, uint64_t end)
      : source_(source), next_(begin), end_(end), buffer_(1 << 16) {
    fill();
  }
  bool is_empty() const { return at_ == have_; }
  char peek() const { return buffer_[at_]; }
  void advance() {
    if (++since_event_ > kMaxTokenBytes) {
      source_.fail(
          fmt::format("a name, text or blank of the header is longer than {} bytes", kMaxTokenBytes));
    }
    if (++at_ == have_) fill();
  }
  void on_event() { since_event_ = 0; }

 private:
  void fill() {
    at_ = 0;
    have_ = static_cast<size_t>(std::min<uint64_t>(buffer_.size(), end_ - next_));
    if (have_ > 0) source_.read(next_, buffer_.data(), have_);
    next_ += have_;
  }

  const ByteSource& source_;
  uint64_t next_;
  uint64_t end_;
  std::vector<char> buffer_;
  size_t at_ = 0;
  size_t have_ = 0;
  uint64_t since_event_ = 0;
};

/// Lets the JSON lexer pull from a HeaderFeed.
class FeedIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;

  explicit FeedIterator(HeaderFeed* feed = nullptr) : feed_(feed) {}
  char operator*() const { return feed_->peek(); }
  FeedIterator& operator++() {
    feed_->advance();
    return *this;
  }
  friend bool operator==(const FeedIterator& a, const FeedIterator& b) { return a.is_end() == b.is_end(); }
  friend bool operator!=(const FeedIterator& a, const FeedIterator& b) { return !(a == b); }

 private:
  bool is_end() const { return feed_ == nullptr || feed_->is_empty(); }
  HeaderFeed* feed_;
};

/// SAX handler for the one shape of JSON that a header may have. Anything else ends it at once, so nothing
/// nests.
class HeaderHandler {
 public:
  HeaderHandler(const ByteSource& source, HeaderFeed& feed) : source_(source), feed_(feed) {}

  std::vector<Entry> entries;
  Metadata metadata;

  bool null() { wrong("null"); }
  bool boolean(bool) { wrong("a boolean"); }
  bool binary(nlohmann::json::binary_t&) { wrong("binary"); }
  bool number_float(double, const std::string& text) {
    if (state_ == State::kShape || state_ == State::kOffsets) {
      source_.fail(fmt::format("tensor {}: {} in {} is not a 64-bit integer", tensor(), shown(text), list()));
    }
    wrong("a number");
  }
  bool number_integer(int64_t value) {
    if (state_ == State::kShape || state_ == State::kOffsets) {
      source_.fail(fmt::format("tensor {}: negative number {} in {}", tensor(), value, list()));
    }
    wrong("a number");
  }
  bool number_unsigned(uint64_t value) {
    feed_.on_event();
    if (state_ == State::kShape) {
      auto& shape = entries.back().shape;
      if (value > INT64_MAX)
        source_.fail(fmt::format("tensor {}: dimension {} is too large", tensor(), value));
      if (shape.size() == kMaxRank) {
        source_.fail(fmt::format("tensor {}: more than {} dimensions", tensor(), kMaxRank));
      }
      shape.push_back(static_cast<int64_t>(value));
    } else if (state_ == State::kOffsets) {
      if (num_offsets_ == 2)
        source_.fail(fmt::format("tensor {}: data_offsets has more than two numbers", tensor()));
      (num_offsets_++ == 0 ? entries.back().begin : entries.back().end) = value;
    } else {
      wrong("a number");
    }
    return true;
  }
  bool string(std::string& value) {
    feed_.on_event();
    if (state_ == State::kDtype) {
      entries.back().dtype = dtype_of(value);
      if (entries.back().dtype == nullptr) {
        source_.fail(fmt::format("tensor {}: dtype {} is not supported; LibTorch 1.13 and limbic know {}",
                                 tensor(), shown(value), supported_dtypes()));
      }
      state_ = State::kEntry;
    } else if (state_ == State::kMetadataValue) {
      spend(value.size());
      *metadata_value_ = value;
      state_ = State::kMetadata;
    } else {
      wrong("text");
    }
    return true;
  }
  bool start_object(size_t) {
    feed_.on_event();
    switch (state_) {
      case State::kTop:
        state_ = State::kNames;
        return true;
      case State::kEntryStart:
        state_ = State::kEntry;
        return true;
      case State::kMetadataStart:
        state_ = State::kMetadata;
        return true;
      default:
        wrong("an object");
    }
  }
  bool key(std::string& name) {
    feed_.on_event();
    if (state_ == State::kNames) {
      on_name(name);
    } else if (state_ == State::kMetadata) {
      spend(name.size() + 128);
      const auto [where, is_new] = metadata.emplace(name, "");
      if (!is_new) source_.fail(fmt::format("duplicate key {} in __metadata__", shown(name)));
      metadata_value_ = &where->second;
      state_ = State::kMetadataValue;
    } else {
      on_field(name);
    }
    return true;
  }
  bool end_object() {
    feed_.on_event();
    if (state_ == State::kEntry) {
      for (const auto& [seen, field] : {std::pair{has_dtype_, "dtype"}, std::pair{has_shape_, "shape"},
                                        std::pair{has_offsets_, "data_offsets"}}) {
        if (!seen) source_.fail(fmt::format("tensor {}: {} is missing", tensor(), field));
      }
    }
    state_ = State::kNames;
    return true;
  }
  bool start_array(size_t) {
    feed_.on_event();
    if (state_ != State::kShapeStart && state_ != State::kOffsetsStart) wrong("a list");
    state_ = state_ == State::kShapeStart ? State::kShape : State::kOffsets;
    return true;
  }
  bool end_array() {
    feed_.on_event();
    if (state_ == State::kOffsets && num_offsets_ != 2) {
      source_.fail(fmt::format("tensor {}: data_offsets has fewer than two numbers", tensor()));
    }
    state_ = State::kEntry;
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception& error) {
    const std::string_view text = error.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 5: syntax error ...; last read: '...'"
    const size_t start = std::min(text.find(": "), text.size() - 2) + 2;
    const size_t end = std::max(start, std::min(text.find("; last read", start), text.size()));
    source_.fail(
        fmt::format("the header is not JSON at byte {}: {}", position + 7, text.substr(start, end - start)));
  }

 private:
  enum class State {
    kTop,
    kNames,
    kEntryStart,
    kEntry,
    kDtype,
    kShapeStart,
    kShape,
    kOffsetsStart,
    kOffsets,
    kMetadataStart,
    kMetadata,
    kMetadataValue
  };

  void on_name(const std::string& name) {
    if (name == kMetadataKey) {
      if (has_metadata_) source_.fail("duplicate key '__metadata__' in the header");
      has_metadata_ = true;
      state_ = State::kMetadataStart;
      return;
    }
    spend(2 * name.size() + 256);
    if (!names_.insert(name).second) source_.fail(fmt::format("duplicate key {} in the header", shown(name)));
    entries.emplace_back();
    entries.back().name = name;
    has_dtype_ = has_shape_ = has_offsets_ = false;
    num_offsets_ = 0;
    state_ = State::kEntryStart;
  }

  void on_field(const std::string& field) {
    bool* seen = field == "dtype"          ? &has_dtype_
                 : field == "shape"        ? &has_shape_
                 : field == "data_offsets" ? &has_offsets_
                                           : nullptr;
    if (seen == nullptr) source_.fail(fmt::format("tensor {}: unknown field {}", tensor(), shown(field)));
    if (*seen) source_.fail(fmt::format("tensor {}: duplicate field {}", tensor(), shown(field)));
    *seen = true;
    state_ = seen == &has_dtype_   ? State::kDtype
             : seen == &has_shape_ ? State::kShapeStart
                                   : State::kOffsetsStart;
  }

  [[noreturn]] void wrong(const char* found) const {
    std::string rule;
    switch (state_) {
      case State::kTop:
      case State::kNames:
        rule = "the header must be a JSON object";
        break;
      case State::kEntryStart:
      case State::kEntry:
        rule = fmt::format("tensor {}: its entry must be an object", tensor());
        break;
      case State::kDtype:
        rule = fmt::format("tensor {}: dtype must be text", tensor());
        break;
      case State::kShapeStart:
      case State::kShape:
        rule = fmt::format("tensor {}: shape must be a list of integers", tensor());
        break;
      case State::kOffsetsStart:
      case State::kOffsets:
        rule = fmt::format("tensor {}: data_offsets must be a list of two integers", tensor());
        break;
      case State::kMetadataStart:
        rule = "__metadata__ must be an object";
        break;
      case State::kMetadata:
      case State::kMetadataValue:
        rule = "values of __metadata__ must be text";
        break;
    }
    source_.fail(rule + ", not " + found);
  }

  std::string tensor() const { return entries.empty() ? "?" : shown(entries.back().name); }
  const char* list() const { return state_ == State::kShape ? "shape" : "data_offsets"; }

  void spend(uint64_t num_bytes) {
    memory_ += num_bytes;
    if (memory_ > kMaxHeaderMemory) {
      source_.fail(fmt::format("the header's contents take more than {} MiB", kMaxHeaderMemory >> 20));
    }
  }

  const ByteSource& source_;
  HeaderFeed& feed_;
  State state_ = State::kTop;
  std::set<std::string> names_;
  std::string* metadata_value_ = nullptr;
  bool has_metadata_ = false;
  bool has_dtype_ = false;
  bool has_shape_ = false;
  bool has_offsets_ = false;
  int num_offsets_ = 0;
  uint64_t memory_ = 0;
};

}  // namespace

Header read_header(const ByteSource& source) {
  std::array<char, 16> head{};
  const auto num_head = static_cast<size_t>(std::min<uint64_t>(head.size(), source.size()));
  source.read(0, head.data(), num_head);
  const std::string other = other_format({head.data(), num_head});
  const auto not_safetensors = [&](const std::string& why) {
    source.fail("not a safetensors file: " + (other.empty() ? why : other));
  };
  if (source.size() < 8) not_safetensors(fmt::format("only {} bytes; the shortest has 10", source.size()));
  uint64_t length = 0;
  std::memcpy(&length, head.data(), 8);
  if (length > kMaxHeaderBytes) {
    not_safetensors(
        fmt::format("its header would be {} bytes; at most {} are allowed", length, kMaxHeaderBytes));
  }
  if (length > source.size() - 8) {
    not_safetensors(fmt::format("its header would be {} bytes, but only {} follow; it may be cut short",
                                length, source.size() - 8));
  }
  if (length < 2) not_safetensors(fmt::format("a header of {} bytes; the shortest is {{}}", length));
  if (head[8] != '{') not_safetensors("the header does not start with '{'");

  HeaderFeed feed(source, 8, 8 + length);
  HeaderHandler handler(source, feed);
  // Not strict: what follows the object is checked here, as only blanks 0x20 may pad it.
  nlohmann::json::sax_parse(FeedIterator(&feed), FeedIterator(), &handler,
                            nlohmann::json::input_format_t::json,
                            /*strict=*/false);
  for (; !feed.is_empty(); feed.advance(), feed.on_event()) {
    if (feed.peek() != ' ') source.fail("the header is padded with something else than spaces");
  }
  Header header;
  header.data_offset = 8 + length;
  check_layout(source, handler.entries, source.size() - header.data_offset);
  take_checksums(source, handler.entries, handler.metadata);
  header.entries = std::move(handler.entries);
  header.metadata = std::move(handler.metadata);
  return header;
}

}  // namespace limbic::formats::detail
