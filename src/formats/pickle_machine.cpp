// The opcodes of pickle protocols 0 to 5, as CPython's pickletools.py and PEPs 307, 3154 and 574 document
// them. Note [Pickles run nothing]: opcodes only push values and combine them. A name (GLOBAL, STACK_GLOBAL,
// INST) becomes a PickleGlobal or ends the reading; a call (REDUCE, NEWOBJ, BUILD...) is a branch of
// PickleCalls. There is no way from a name in a file to code that this project did not write for it.
#include "pickle_machine.h"

#include <fmt/format.h>

#include <charconv>

#include "byte_source.h"

namespace limbic::formats::detail {
std::string_view PickleMachine::take(uint64_t num_bytes) {
  if (num_bytes > bytes_.size() - at_)
    fail(fmt::format("{} bytes are announced, {} follow: the file is cut off or damaged", num_bytes,
                     bytes_.size() - at_));
  const std::string_view out = bytes_.substr(at_, num_bytes);
  at_ += num_bytes;
  return out;
}

std::string_view PickleMachine::take_line() {
  const size_t end = bytes_.find('\n', at_);
  if (end == std::string_view::npos) fail("a line that never ends: the file is cut off or damaged");
  const std::string_view out = bytes_.substr(at_, end - at_);
  at_ = end + 1;
  return out;
}

uint64_t PickleMachine::take_unsigned(size_t num_bytes) {
  const std::string_view bytes = take(num_bytes);
  uint64_t value = 0;
  for (size_t i = num_bytes; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

void PickleMachine::push(PickleId id) {
  stack_.push_back(id);
}

PickleId& PickleMachine::top() {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) fail("a value is missing: the file is damaged");
  return stack_.back();
}

PickleId PickleMachine::pop() {
  const PickleId id = top();
  stack_.pop_back();
  return id;
}

std::vector<PickleId> PickleMachine::pop_to_mark() {
  if (marks_.empty()) fail("a mark is missing: the file is damaged");
  const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<PickleId> out(begin, stack_.end());
  stack_.erase(begin, stack_.end());
  marks_.pop_back();
  return out;
}

void PickleMachine::append(const std::vector<PickleId>& values, NodeKind kind, const char* what) {
  const PickleId target = top();
  if (document_.node(target).kind != kind)
    fail(fmt::format("{} are added to {}", what, calls_.shown(target)));
  document_.charge(2 * values.size() * sizeof(PickleId));
  auto& ids = document_.items(target).ids;
  ids.insert(ids.end(), values.begin(), values.end());
}

void PickleMachine::remember(uint64_t index) {
  const PickleId value = top();
  if (index < memo_.size()) {
    memo_[index] = value;
  } else if (index == memo_.size() && (far_memo_.empty() || far_memo_.count(index) == 0)) {
    document_.charge(sizeof value);
    memo_.push_back(value);
  } else {
    document_.charge(64);
    far_memo_[index] = value;
  }
}

void PickleMachine::recall(uint64_t index) {
  if (index < memo_.size()) return push(memo_[index]);
  const auto found = far_memo_.find(index);
  if (found == far_memo_.end()) fail(fmt::format("value {} is used before it is there", index));
  push(found->second);
}

PickleId PickleMachine::run() {
  for (;;) {
    opcode_at_ = at_;
    if (at_ >= bytes_.size()) fail("the file ends before the pickle does");
    const auto opcode = static_cast<unsigned char>(bytes_[at_++]);
    if (opcode == '.') {
      if (!marks_.empty()) fail("a value is missing: the file is damaged");
      return pop();
    }
    step(opcode);
    // What is on the stack may be there many times (DUP, GET), a byte or two each.
    if (stack_.size() > document_.bytes().size()) fail("more values than bytes");
  }
}

void PickleMachine::step(unsigned char opcode) {
  if (step_number(opcode) || step_text(opcode) || step_container(opcode) || step_memo(opcode) ||
      step_call(opcode))
    return;
  switch (opcode) {
    case 0x80: {  // PROTO
      const uint64_t protocol = take_unsigned(1);
      if (protocol > 5) fail(fmt::format("protocol {}; 0 to 5 are read", protocol));
      return;
    }
    case 0x95: {  // FRAME: what follows is one block; it is all in memory anyhow
      const uint64_t size = take_unsigned(8);
      if (size > bytes_.size() - at_)
        fail(fmt::format("a frame of {} bytes, {} follow: the file is cut off or damaged", size,
                         bytes_.size() - at_));
      return;
    }
    case 'P':
    case 'Q':
      fail("a persistent id: the value lies in another file that only its program can find (PyTorch?)");
    case 0x97:
    case 0x98:
      fail("a buffer kept outside the pickle (buffer_callback); dump it again without one");
    case 0x82:
    case 0x83:
    case 0x84:
      fail("an extension code (copyreg.add_extension), whose meaning is not in the file");
    default:
      fail(fmt::format("byte 0x{:02x} is no opcode of a pickle{}", opcode,
                       opcode_at_ == 0 ? "; is this one?" : ": the file is damaged"));
  }
}

bool PickleMachine::step_container(unsigned char opcode) {
  switch (opcode) {
    case '(':
      document_.charge(sizeof(size_t));
      marks_.push_back(stack_.size());
      return true;
    case '0':
      if (!marks_.empty() && marks_.back() == stack_.size())
        marks_.pop_back();
      else
        pop();
      return true;
    case '1':
      pop_to_mark();
      return true;
    case '2':
      push(PickleId(top()));
      return true;
    case ']':
      push(document_.add_items(NodeKind::kList, {}));
      return true;
    case ')':
      push(document_.add_items(NodeKind::kTuple, {}));
      return true;
    case '}':
      push(document_.add_items(NodeKind::kDict, {}));
      return true;
    case 0x8f:
      push(document_.add_items(NodeKind::kSet, {}));
      return true;
    case 'l':
      push(document_.add_items(NodeKind::kList, pop_to_mark()));
      return true;
    case 't':
      push(document_.add_items(NodeKind::kTuple, pop_to_mark()));
      return true;
    case 0x91:
      push(document_.add_items(NodeKind::kSet, pop_to_mark()));
      return true;
    case 0x85:
    case 0x86:
    case 0x87: {
      std::vector<PickleId> ids(opcode - 0x84u);
      for (size_t i = ids.size(); i-- > 0;) ids[i] = pop();
      push(document_.add_items(NodeKind::kTuple, std::move(ids)));
      return true;
    }
    case 'd':
    case 'u': {
      const auto ids = pop_to_mark();
      if (ids.size() % 2 != 0) fail("a key without a value");
      if (opcode == 'd') push(document_.add_items(NodeKind::kDict, {}));
      append(ids, NodeKind::kDict, "items");
      return true;
    }
    case 's': {
      const PickleId value = pop();
      const PickleId key = pop();
      append({key, value}, NodeKind::kDict, "items");
      return true;
    }
    case 'a':
      append({pop()}, NodeKind::kList, "items");
      return true;
    case 'e':
      append(pop_to_mark(), NodeKind::kList, "items");
      return true;
    case 0x90:
      append(pop_to_mark(), NodeKind::kSet, "members");
      return true;
    default:
      return false;
  }
}

bool PickleMachine::step_memo(unsigned char opcode) {
  const auto line_index = [this] {
    const std::string_view line = take_line();
    uint64_t index = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), index);
    if (end != line.data() + line.size() || error != std::errc())
      fail("not a whole number: " + detail::shown(line));
    return index;
  };
  switch (opcode) {
    case 'p':
      remember(line_index());
      return true;
    case 'q':
      remember(take_unsigned(1));
      return true;
    case 'r':
      remember(take_unsigned(4));
      return true;
    case 0x94:
      remember(memo_.size() + far_memo_.size());
      return true;
    case 'g':
      recall(line_index());
      return true;
    case 'h':
      recall(take_unsigned(1));
      return true;
    case 'j':
      recall(take_unsigned(4));
      return true;
    default:
      return false;
  }
}

bool PickleMachine::step_call(unsigned char opcode) {
  switch (opcode) {
    case 'c': {
      const std::string_view module = take_line();
      const std::string_view name = take_line();
      push(calls_.global(module, name, opcode_at_));
      return true;
    }
    case 0x93: {
      const PickleId name = pop();
      const PickleId module = pop();
      if (document_.node(name).kind != NodeKind::kText || document_.node(module).kind != NodeKind::kText)
        fail("the name of a global is not text");
      push(calls_.global(document_.text(module), document_.text(name), opcode_at_));
      return true;
    }
    case 'i': {
      const std::string_view module = take_line();
      const std::string_view name = take_line();
      const PickleId function = calls_.global(module, name, opcode_at_);
      push(calls_.call(function, pop_to_mark(), opcode_at_));
      return true;
    }
    case 'o': {
      auto arguments = pop_to_mark();
      if (arguments.empty()) fail("an object without a class");
      const PickleId function = arguments.front();
      arguments.erase(arguments.begin());
      push(calls_.call(function, arguments, opcode_at_));
      return true;
    }
    case 0x92: {  // NEWOBJ_EX
      const PickleId named = pop();
      if (document_.node(named).kind != NodeKind::kDict || !document_.items(named).ids.empty())
        fail("a class is called with named arguments, which data do not need");
      [[fallthrough]];
    }
    case 'R':
    case 0x81: {
      const PickleId arguments = pop();
      const PickleId function = pop();
      if (document_.node(arguments).kind != NodeKind::kTuple) fail("the arguments of a call are not a tuple");
      // A copy: the call may add values, which moves what items() refers to.
      const std::vector<PickleId> ids = document_.items(arguments).ids;
      document_.charge_copy(ids.size() * sizeof(PickleId));
      push(calls_.call(function, ids, opcode_at_));
      return true;
    }
    case 'b': {
      const PickleId state = pop();
      const PickleId target = top();
      if (document_.node(target).kind == NodeKind::kWrapper) {
        if (is_inside_joblib_) fail("an array of joblib within an array of objects");
        const PickleId array = calls_.read_wrapped(state, at_);
        top() = array;
      } else {
        calls_.build(target, state, opcode_at_);
      }
      return true;
    }
    default:
      return false;
  }
}

PickleId run_pickle(PickleDocument& document, uint64_t& at, bool is_inside_joblib) {
  PickleMachine machine(document, at, is_inside_joblib);
  const PickleId id = machine.run();
  at = machine.at();
  return id;
}

}  // namespace limbic::formats::detail
