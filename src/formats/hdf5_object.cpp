// "IV.A.1. Data Object Headers": a list of messages, in one block or several.
#include "hdf5_object.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "hdf5_heap.h"

namespace limbic::formats::hdf5 {
namespace {

constexpr uint64_t kMaxHeaderBytes = UINT64_C(64) << 20;

/// Reads the messages of one header.
class HeaderReader {
 public:
  HeaderReader(const Image& image, Allowance& allowance) : image_(image), allowance_(allowance) {}

  std::vector<Message> read(uint64_t address) {
    const std::string start = image_.block(address, 16, "an object header", allowance_);
    if (start.compare(0, 4, "OHDR") == 0)
      read_2(address);
    else
      read_1(address, start);
    for (size_t i = 0; i < continuations_.size(); ++i) read_continuation(continuations_[i]);
    return std::move(messages_);
  }

  /// What a message that lies elsewhere points to: 'Shared Message' of its section.
  Message resolve(const Message& shared) {
    Cursor cursor(image_, shared.bytes, shared.address);
    const uint8_t version = cursor.u8();
    const uint8_t kind = cursor.u8();
    if (version < 1 || version > 3)
      cursor.fail(fmt::format("a shared message of version {}; 1 to 3 are known", version));
    if (version == 3 && kind == 1)
      cursor.fail("a message in a shared table, which is not read; repack the file with h5repack");
    if (version == 1) cursor.skip(6 + image_.num_length_bytes());
    const uint64_t address = cursor.address();
    HeaderReader there(image_, allowance_);
    for (Message& message : there.read(address)) {
      if (message.type == shared.type && there.shared_.count(message.address) == 0) return std::move(message);
    }
    cursor.fail(fmt::format("the object at {} has no message of type {} to share", address, shared.type));
  }

  bool is_shared(const Message& message) const { return shared_.count(message.address) != 0; }

 private:
  struct Continuation {
    uint64_t address = 0;
    uint64_t num_bytes = 0;
  };

  void read_1(uint64_t address, const std::string& start) {
    Cursor cursor(image_, start, address);
    const uint8_t version = cursor.u8();
    if (version != 1) image_.fail(address, "no object header here; the file is damaged");
    cursor.skip(7);
    const uint32_t size = cursor.u32();
    limit(size, address);
    take(image_.block(address + 16, size, "an object header", allowance_), address + 16);
  }

  void read_2(uint64_t address) {
    is_version_2_ = true;
    const std::string start = image_.block(address, 6, "an object header", allowance_);
    Cursor cursor(image_, start, address);
    cursor.skip(4);
    const uint8_t version = cursor.u8();
    if (version != 2) cursor.fail(fmt::format("an object header of version {}; 1 and 2 are read", version));
    const uint8_t flags = cursor.u8();
    has_order_ = (flags & 4) != 0;
    const uint64_t size_bytes = uint64_t{1} << (flags & 3);
    const uint64_t prefix = 6 + ((flags & 0x20) != 0 ? 16 : 0) + ((flags & 0x10) != 0 ? 4 : 0) + size_bytes;
    const std::string head = image_.block(address, prefix, "an object header", allowance_);
    Cursor sizes(image_, head, address);
    sizes.skip(prefix - size_bytes);
    const uint64_t size = sizes.number(size_bytes);
    limit(size, address);
    const std::string whole = image_.block(address, prefix + size + 4, "an object header", allowance_);
    image_.verify(whole, address, "an object header");
    take(whole.substr(prefix, size), address + prefix);
  }

  void read_continuation(const Continuation& at) {
    limit(at.num_bytes, at.address);
    const std::string bytes =
        image_.block(at.address, at.num_bytes, "the continuation of an object header", allowance_);
    if (!is_version_2_) {
      take(bytes, at.address);
      return;
    }
    image_.expect_signature(bytes, "OCHK", at.address);
    if (bytes.size() < 8) image_.fail(at.address, "a continuation of less than 8 bytes");
    image_.verify(bytes, at.address, "the continuation of an object header");
    take(bytes.substr(4, bytes.size() - 8), at.address + 4);
  }

  void limit(uint64_t num_bytes, uint64_t address) {
    num_header_bytes_ += std::min(num_bytes, kMaxHeaderBytes + 1);
    if (num_header_bytes_ > kMaxHeaderBytes)
      image_.fail(address, fmt::format("an object header of more than {} bytes", kMaxHeaderBytes));
  }

  void take(const std::string& bytes, uint64_t address) {
    const uint64_t head = is_version_2_ ? (has_order_ ? 6 : 4) : 8;
    Cursor cursor(image_, bytes, address);
    while (cursor.left() >= head) {
      Message message;
      message.type = is_version_2_ ? cursor.u8() : cursor.u16();
      const uint16_t size = cursor.u16();
      const uint8_t flags = cursor.u8();
      cursor.skip(is_version_2_ ? head - 4 : 3);
      message.address = address + cursor.at();
      message.bytes = cursor.take(size);
      if (message.type == 0) continue;
      if (message.type == kMessageContinuation) {
        Cursor to(image_, message.bytes, message.address);
        Continuation next;
        next.address = to.address();
        next.num_bytes = to.length();
        continuations_.push_back(next);
        continue;
      }
      if ((flags & 0x80) != 0 && message.type > 0x18)
        cursor.fail(
            fmt::format("a message of type {} that every reader must know; this one does not", message.type));
      if ((flags & 2) != 0) shared_.insert(message.address);
      messages_.push_back(std::move(message));
    }
  }

  const Image& image_;
  Allowance& allowance_;
  bool is_version_2_ = false;
  bool has_order_ = false;
  uint64_t num_header_bytes_ = 0;
  std::vector<Continuation> continuations_;
  std::vector<Message> messages_;
  std::set<uint64_t> shared_;  ///< by address
};

/// Of the fill value's messages, of every version: the element's bytes.
std::string parse_fill(const Image& image, const Object& object) {
  if (const Message* message = object.find(kMessageFill)) {
    Cursor cursor(image, message->bytes, message->address);
    const uint8_t version = cursor.u8();
    if (version < 1 || version > 3)
      cursor.fail(fmt::format("a fill value of version {}; 1 to 3 are read", version));
    bool is_there = true;
    if (version == 3) {
      is_there = (cursor.u8() & 0x20) != 0;
    } else {
      cursor.skip(2);
      is_there = cursor.u8() != 0 || version == 1;
    }
    if (!is_there || cursor.left() < 4) return "";
    return std::string(cursor.take(cursor.u32()));
  }
  if (const Message* message = object.find(kMessageOldFill)) {
    Cursor cursor(image, message->bytes, message->address);
    return std::string(cursor.take(cursor.u32()));
  }
  return "";
}

void read_dataset(const Image& image, Object& object) {
  const auto need = [&](uint16_t type, const char* what) -> const Message& {
    const Message* message = object.find(type);
    if (message == nullptr) image.fail(object.address, fmt::format("a dataset without its {}", what));
    return *message;
  };
  const auto cursor_of = [&](const Message& message) {
    return Cursor(image, message.bytes, message.address);
  };
  object.space = parse_dataspace(cursor_of(need(kMessageDataspace, "dataspace")));
  Cursor type = cursor_of(need(kMessageDatatype, "type"));
  object.type = parse_type(type);
  object.layout = parse_layout(cursor_of(need(kMessageLayout, "layout")), object.space, object.type);
  if (const Message* filters = object.find(kMessageFilters))
    object.filters = parse_filters(cursor_of(*filters));
  object.fill = parse_fill(image, object);
  if (object.fill.size() != object.type.size) object.fill.clear();
  if (object.find(kMessageExternal) != nullptr)
    image.fail(object.address, "a dataset whose data lie in other files, which are not read");
}

}  // namespace

const Message* Object::find(uint16_t wanted) const {
  const auto found =
      std::find_if(messages.begin(), messages.end(), [&](const Message& m) { return m.type == wanted; });
  return found == messages.end() ? nullptr : &*found;
}

std::shared_ptr<const Object> read_object(const Image& image, uint64_t address) {
  Allowance allowance = image.allowance();
  return read_object(image, address, allowance);
}

std::shared_ptr<const Object> read_object(const Image& image, uint64_t address, Allowance& allowance) {
  if (auto kept = image.kept_group(address)) return kept;
  auto object = std::make_shared<Object>();
  object->address = address;
  HeaderReader reader(image, allowance);
  object->messages = reader.read(address);
  for (Message& message : object->messages) {
    // Attributes are looked into when they are asked for.
    if (reader.is_shared(message) && message.type != kMessageAttribute) message = reader.resolve(message);
  }
  object->is_dataset = object->find(kMessageLayout) != nullptr;
  object->is_group = !object->is_dataset &&
                     (object->find(kMessageSymbolTable) != nullptr ||
                      object->find(kMessageLinkInfo) != nullptr || object->find(kMessageLink) != nullptr);
  if (object->is_dataset) read_dataset(image, *object);
  if (object->is_group) {
    object->links = read_links(image, *object, allowance);
    image.keep_group(address, object);
  }
  return object;
}

std::vector<Attribute> read_attributes(const Image& image, const Object& object) {
  Allowance allowance = image.allowance();
  std::vector<Attribute> attributes;
  for (const Message& message : object.messages) {
    if (message.type == kMessageAttribute) attributes.push_back(parse_attribute(image, message, allowance));
  }
  // "IV.A.2.v. The Attribute Info Message": many attributes lie in a fractal heap.
  if (const Message* info = object.find(kMessageAttributeInfo)) {
    Cursor cursor(image, info->bytes, info->address);
    cursor.skip(1);
    if ((cursor.u8() & 1) != 0) cursor.skip(2);
    const uint64_t heap_address = cursor.address();
    const uint64_t tree_address = cursor.address();
    if (heap_address != kUndefined && tree_address != kUndefined) {
      FractalHeap heap(image, heap_address, allowance);
      for_each_record(image, tree_address, 8, allowance, [&](Cursor& record) {
        Message message;
        message.address = heap_address;
        message.type = kMessageAttribute;
        const std::string_view id = record.take(heap.id_size());
        if ((record.u8() & 2) != 0)
          record.fail("an attribute in a shared table, which is not read; repack the file with h5repack");
        message.bytes = heap.object(id);
        attributes.push_back(parse_attribute(image, message, allowance));
      });
    }
  }
  std::sort(attributes.begin(), attributes.end(),
            [](const Attribute& a, const Attribute& b) { return a.name < b.name; });
  return attributes;
}

Attribute parse_attribute(const Image& image, const Message& message, Allowance& allowance) {
  Cursor cursor(image, message.bytes, message.address);
  const uint8_t version = cursor.u8();
  if (version < 1 || version > 3)
    cursor.fail(fmt::format("an attribute of version {}; 1 to 3 are read", version));
  const uint8_t flags = cursor.u8();  // reserved in version 1
  const uint16_t name_size = cursor.u16();
  const uint16_t type_size = cursor.u16();
  const uint16_t space_size = cursor.u16();
  if (version == 3) cursor.skip(1);
  const auto part = [&](uint16_t size) {
    const std::string_view bytes = cursor.take(size);
    if (version == 1) cursor.skip((8 - size % 8) % 8);
    return bytes;
  };
  Attribute attribute;
  const std::string_view name = part(name_size);
  attribute.name = name.substr(0, name.find('\0'));
  Message type;
  type.type = kMessageDatatype;
  type.address = message.address + cursor.at();
  type.bytes = part(type_size);
  if (version > 1 && (flags & 1) != 0) type = HeaderReader(image, allowance).resolve(type);
  if (version > 1 && (flags & 2) != 0) cursor.fail("an attribute with a shared dataspace, which is not read");
  Cursor type_cursor(image, type.bytes, type.address);
  attribute.type = parse_type(type_cursor);
  const uint64_t space_at = message.address + cursor.at();
  attribute.space = parse_dataspace(Cursor(image, part(space_size), space_at));
  const uint64_t num_bytes =
      times(image, attribute.space.num_elements(), attribute.type.size, message.address);
  attribute.data = cursor.take(num_bytes);
  return attribute;
}

}  // namespace limbic::formats::hdf5
