#include "pattern.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "limbic/core/error.h"

namespace limbic::features::text {
namespace {

/// A set of characters: part of a bracket expression or an escape.
struct CharacterClass {
  struct Part {
    bool (*is_in)(char32_t) = nullptr;  ///< null: the range
    bool is_negated = false;
    char32_t first = 0;
    char32_t last = 0;
    bool has(char32_t c) const {
      return (is_in != nullptr ? is_in(c) : c >= first && c <= last) != is_negated;
    }
  };
  std::vector<Part> parts;
  bool is_negated = false;

  bool has(char32_t c) const {
    return std::any_of(parts.begin(), parts.end(), [c](const Part& p) { return p.has(c); }) != is_negated;
  }
};

/// `class` or `class{min,max}`, possibly in parentheses.
struct CountedClass {
  CharacterClass set;
  size_t min = 1;
  size_t max = 1;
};

class ClassParser {
 public:
  explicit ClassParser(const std::string& pattern) : codes_(decode_utf8(pattern)) {}

  std::optional<CountedClass> parse() {
    CountedClass counted;
    const bool is_group = take('(');
    if (is_group && take('?') && !take(':')) return std::nullopt;
    if (!parse_class(counted.set) || !parse_count(counted)) return std::nullopt;
    if (is_group && !take(')')) return std::nullopt;
    if (at_ != codes_.size() || counted.max == 0 || counted.min > counted.max) return std::nullopt;
    // Matches of length 0 would be everywhere.
    return counted.min > 0 ? std::optional(counted) : std::nullopt;
  }

 private:
  bool at_end() const { return at_ >= codes_.size(); }
  char32_t peek() const { return at_end() ? 0 : codes_[at_].code; }
  bool take(char32_t c) {
    if (at_end() || codes_[at_].code != c) return false;
    ++at_;
    return true;
  }
  static CharacterClass::Part literal_part(char32_t c) { return {nullptr, false, c, c}; }

  bool parse_escape(CharacterClass::Part& part) {
    if (at_end()) return false;
    const char32_t c = codes_[at_++].code;
    switch (c) {
      case 's':
      case 'S':
        part.is_in = is_white_space;
        part.is_negated = c == 'S';
        return true;
      case 'd':
      case 'D':
        part.is_in = is_digit;
        part.is_negated = c == 'D';
        return true;
      case 'w':
      case 'W':
        part.is_in = is_word_character;
        part.is_negated = c == 'W';
        return true;
      case 'p':
      case 'P': {
        part.is_negated = c == 'P';
        if (!take('{')) return false;
        std::string name;
        while (!at_end() && peek() != '}') append_utf8(name, codes_[at_++].code);
        if (!take('}')) return false;
        static const std::vector<std::pair<std::string, bool (*)(char32_t)>> known{
            {"L", is_letter},      {"N", is_number}, {"Nd", is_digit},          {"M", is_mark},
            {"P", is_punctuation}, {"S", is_symbol}, {"Mn", is_nonspacing_mark}};
        for (const auto& [known_name, is_in] : known) {
          if (known_name == name) part.is_in = is_in;
        }
        return part.is_in != nullptr;
      }
      case 'n':
        part = literal_part('\n');
        return true;
      case 'r':
        part = literal_part('\r');
        return true;
      case 't':
        part = literal_part('\t');
        return true;
      default:
        part = literal_part(c);
        return !is_letter(c) && !is_number(c);  // \b, \h, \1: not characters
    }
  }

  bool parse_class(CharacterClass& set) {
    if (at_end()) return false;
    if (take('\\')) {
      set.parts.emplace_back();
      return parse_escape(set.parts.back());
    }
    if (!take('[')) {
      const char32_t c = codes_[at_++].code;
      set.parts.push_back(literal_part(c));
      return std::u32string_view(U".^$*+?()[]{}|").find(c) == std::u32string_view::npos;
    }
    set.is_negated = take('^');
    while (!at_end() && peek() != ']') {
      CharacterClass::Part part;
      if (take('\\')) {
        if (!parse_escape(part)) return false;
      } else {
        const char32_t c = codes_[at_++].code;
        if (c == '[' || c == '&') return false;  // nested and intersected sets
        part = literal_part(c);
      }
      if (part.is_in == nullptr && peek() == '-' && at_ + 1 < codes_.size() && codes_[at_ + 1].code != ']') {
        ++at_;
        CharacterClass::Part last;
        if (take('\\')) {
          if (!parse_escape(last) || last.is_in != nullptr) return false;
        } else {
          last = literal_part(codes_[at_++].code);
        }
        part.last = last.first;
      }
      set.parts.push_back(part);
    }
    return take(']') && !set.parts.empty();
  }

  bool parse_number(size_t& number) {
    const size_t begin = at_;
    number = 0;
    while (peek() >= '0' && peek() <= '9' && at_ - begin < 6)
      number = number * 10 + (codes_[at_++].code - '0');
    return at_ > begin;
  }

  bool parse_count(CountedClass& counted) {
    if (take('+')) {
      counted.max = std::numeric_limits<size_t>::max();
      return peek() != '?' && peek() != '+';
    }
    if (!take('{')) return true;
    if (!parse_number(counted.min)) return false;
    counted.max = counted.min;
    if (take(',') && !parse_number(counted.max)) counted.max = std::numeric_limits<size_t>::max();
    return take('}');
  }

  TextCodes codes_;
  size_t at_ = 0;
};

/// First index from `i` on where `is_in` does not hold.
template <class IsIn>
size_t run_end(const TextCode* codes, size_t n, size_t i, const IsIn& is_in) {
  while (i < n && is_in(codes[i].code)) ++i;
  return i;
}

bool is_neither_space_letter_number(char32_t c) {
  return !is_white_space(c) && !is_letter(c) && !is_number(c);
}

/// Length of 's, 't, 're, 've, 'm, 'll or 'd at `i`, else 0.
size_t contraction(const TextCode* codes, size_t n, size_t i, bool ignores_case) {
  if (codes[i].code != '\'' || i + 1 >= n) return 0;
  const auto folded = [&](size_t at) {
    const char32_t c = codes[at].code;
    if (!ignores_case) return c;
    if (c == 0x17F) return static_cast<char32_t>('s');  // the long s
    return c >= 'A' && c <= 'Z' ? static_cast<char32_t>(c + 32) : c;
  };
  const char32_t first = folded(i + 1);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if (i + 2 >= n) return 0;
  const char32_t second = folded(i + 2);
  return (second == 'e' && (first == 'r' || first == 'v')) || (first == 'l' && second == 'l') ? 3 : 0;
}

/// `\s+(?!\S)|\s+`: a run of white space, less its last character when text follows.
size_t space_end(const TextCode* codes, size_t n, size_t i) {
  const size_t end = run_end(codes, n, i, is_white_space);
  return end < n && end - i > 1 ? end - 1 : end;
}

// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
void find_gpt2_words(const TextCode* codes, size_t n, std::vector<CodeRange>& found) {
  for (size_t i = 0; i < n;) {
    size_t end = i + contraction(codes, n, i, /*ignores_case=*/false);
    if (end == i) {
      const size_t word = codes[i].code == ' ' && i + 1 < n && !is_white_space(codes[i + 1].code) ? i + 1 : i;
      const char32_t c = codes[word].code;
      if (is_letter(c)) {
        end = run_end(codes, n, word, is_letter);
      } else if (is_number(c)) {
        end = run_end(codes, n, word, is_number);
      } else if (!is_white_space(c)) {
        end = run_end(codes, n, word, is_neither_space_letter_number);
      } else {
        end = space_end(codes, n, i);
      }
    }
    found.push_back({i, end});
    i = end;
  }
}

// 's|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+, without regard to case or with
void find_clip_words(const TextCode* codes, size_t n, bool ignores_case, std::vector<CodeRange>& found) {
  for (size_t i = 0; i < n;) {
    size_t end = i + contraction(codes, n, i, ignores_case);
    if (end == i) {
      const char32_t c = codes[i].code;
      if (is_white_space(c)) {
        ++i;
        continue;
      }
      end = is_letter(c)   ? run_end(codes, n, i, is_letter)
            : is_number(c) ? i + 1
                           : run_end(codes, n, i, is_neither_space_letter_number);
    }
    found.push_back({i, end});
    i = end;
  }
}

// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,max_digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|
// \s*[\r\n]+|\s+(?!\S)|\s+
void find_cl100k_words(const TextCode* codes, size_t n, size_t max_digits, std::vector<CodeRange>& found) {
  const auto is_line_end = [](char32_t c) { return c == '\r' || c == '\n'; };
  for (size_t i = 0; i < n;) {
    const char32_t c = codes[i].code;
    const char32_t next = i + 1 < n ? codes[i + 1].code : 0;
    size_t end = i + contraction(codes, n, i, /*ignores_case=*/true);
    if (end > i) {
    } else if (is_letter(c)) {
      end = run_end(codes, n, i, is_letter);
    } else if (!is_line_end(c) && !is_number(c) && i + 1 < n && is_letter(next)) {
      end = run_end(codes, n, i + 1, is_letter);
    } else if (is_number(c)) {
      end = std::min(run_end(codes, std::min(n, i + max_digits), i, is_number), i + max_digits);
    } else if (!is_white_space(c) || (c == ' ' && i + 1 < n && is_neither_space_letter_number(next))) {
      end = run_end(codes, n, i + 1, is_neither_space_letter_number);
      end = run_end(codes, n, end, is_line_end);
    } else {
      const size_t space = run_end(codes, n, i, is_white_space);
      size_t last = space;
      while (last > i && !is_line_end(codes[last - 1].code)) --last;
      end = last > i ? last : space_end(codes, n, i);
    }
    found.push_back({i, end});
    i = end;
  }
}

/// Runs of word characters and of what is neither word nor white space.
void find_words_and_rest(const TextCode* codes, size_t n, std::vector<CodeRange>& found) {
  const auto is_rest = [](char32_t c) { return !is_white_space(c) && !is_word_character(c); };
  for (size_t i = 0; i < n;) {
    if (is_white_space(codes[i].code)) {
      ++i;
      continue;
    }
    const size_t end = is_word_character(codes[i].code) ? run_end(codes, n, i, is_word_character)
                                                        : run_end(codes, n, i, is_rest);
    found.push_back({i, end});
    i = end;
  }
}

void find_counted(const CountedClass& counted, const TextCode* codes, size_t n,
                  std::vector<CodeRange>& found) {
  for (size_t i = 0; i < n;) {
    size_t end = i;
    while (end < n && end - i < counted.max && counted.set.has(codes[end].code)) ++end;
    if (end - i >= counted.min) {
      found.push_back({i, end});
      i = end;
    } else {
      // A run that is too short is too short from each of its characters.
      i = std::max(end, i + 1);
    }
  }
}

}  // namespace

FindMatches each_character(bool (*is_in)(char32_t)) {
  return [is_in](const TextCode* codes, size_t n, std::vector<CodeRange>& found) {
    for (size_t i = 0; i < n; ++i) {
      if (is_in(codes[i].code)) found.push_back({i, i + 1});
    }
  };
}

FindMatches literal(const std::string& what) {
  return [wanted = decode_utf8(what)](const TextCode* codes, size_t n, std::vector<CodeRange>& found) {
    if (wanted.empty()) return;
    const auto is_same = [](const TextCode& a, const TextCode& b) { return a.code == b.code; };
    const TextCode* at = codes;
    while ((at = std::search(at, codes + n, wanted.begin(), wanted.end(), is_same)) != codes + n) {
      const auto begin = static_cast<size_t>(at - codes);
      found.push_back({begin, begin + wanted.size()});
      at += wanted.size();
    }
  };
}

FindMatches gpt2_words() {
  return find_gpt2_words;
}

FindMatches regular_expression(const std::string& pattern, const std::string& where) {
  // Case-insensitive parts are written in two ways that mean the same.
  std::string p = pattern;
  const std::string by_letter = "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]";
  const std::string by_flag = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
  if (p.rfind("(?:" + by_letter + ")", 0) == 0) p.replace(0, by_letter.size() + 4, by_flag);
  if (p.rfind(by_letter, 0) == 0) p.replace(0, by_letter.size(), by_flag);
  if (p == R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)")
    return gpt2_words();
  for (const bool ignores_case : {false, true}) {
    const std::string clip = R"('s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)";
    if (p == (ignores_case ? "(?i)" : "") + clip ||
        p == (ignores_case ? "(?i)" : "") + (R"(<\|startoftext\|>|<\|endoftext\|>|)" + clip)) {
      return [ignores_case](const TextCode* codes, size_t n, std::vector<CodeRange>& found) {
        find_clip_words(codes, n, ignores_case, found);
      };
    }
  }
  const std::string tail = R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  const std::string head = by_flag + R"(|[^\r\n\p{L}\p{N}]?\p{L}+|)";
  for (const size_t max_digits : {size_t{1}, size_t{3}}) {
    if (p == head + (max_digits == 1 ? R"(\p{N})" : R"(\p{N}{1,3})") + tail) {
      return [max_digits](const TextCode* codes, size_t n, std::vector<CodeRange>& found) {
        find_cl100k_words(codes, n, max_digits, found);
      };
    }
  }
  if (p == R"(\w+|[^\w\s]+)") return find_words_and_rest;
  if (const auto counted = ClassParser(p).parse()) {
    return [counted = *counted](const TextCode* codes, size_t n, std::vector<CodeRange>& found) {
      find_counted(counted, codes, n, found);
    };
  }
  throw Error(
      ErrorCode::kData,
      where + ": the regular expression '" + pattern +
          "' is not supported; expected the word pattern of GPT-2, CLIP, GPT-4/Llama 3 or Qwen, or one "
          "class of characters with a count such as \\s+");
}

}  // namespace limbic::features::text
