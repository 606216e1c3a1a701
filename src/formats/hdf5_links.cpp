// What a group holds: a symbol table ("III.A.1", "III.B", "III.D"), link messages, or links in a fractal
// heap.
#include <fmt/format.h>

#include "hdf5_heap.h"
#include "hdf5_object.h"

namespace limbic::formats::hdf5 {
namespace {

using Links = std::map<std::string, Link>;

/// "IV.A.2.g. The Link Message"
void add_link(Cursor& cursor, Links& links) {
  const uint8_t version = cursor.u8();
  if (version != 1) cursor.fail(fmt::format("a link of version {}; 1 is read", version));
  const uint8_t flags = cursor.u8();
  const uint8_t kind = (flags & 8) != 0 ? cursor.u8() : uint8_t{0};
  if ((flags & 4) != 0) cursor.skip(8);
  if ((flags & 16) != 0) cursor.skip(1);
  const std::string name(cursor.take(cursor.number(uint64_t{1} << (flags & 3))));
  Link link;
  if (kind == 0) {
    link.address = cursor.address();
  } else {
    link.kind = kind == 1 ? Link::Kind::kSoft : Link::Kind::kExternal;
    link.target = cursor.take(cursor.u16());
    // A byte of version and flags, then file and path, each ended by a zero.
    if (kind != 1 && !link.target.empty()) link.target = link.target.substr(1, link.target.find('\0', 1) - 1);
  }
  links[name] = std::move(link);
}

void add_symbol_table(const Image& image, const Message& message, Allowance& allowance, Links& links) {
  Cursor cursor(image, message.bytes, message.address);
  const uint64_t tree = cursor.address();
  const uint64_t heap = cursor.address();
  // "III.D. Local Heaps": the names.
  constexpr const char* kHeap = "a local heap";
  const std::string head =
      image.block(heap, 8 + 2 * image.num_length_bytes() + image.num_address_bytes(), kHeap, allowance);
  image.expect_signature(head, "HEAP", heap);
  Cursor sizes(image, head, heap);
  sizes.skip(8);
  const uint64_t num_bytes = sizes.length();
  sizes.length();
  const uint64_t data = sizes.address();
  const std::string names = image.block(data, num_bytes, kHeap, allowance);
  uint64_t names_left = allowance.left;
  const auto name_at = [&](uint64_t offset) {
    Cursor place(image, names, data);
    place.skip(offset);
    const std::string name(place.text());
    if (name.size() > names_left) place.fail("names that overlap; the file is damaged");
    names_left -= name.size();
    return name;
  };
  for_each_leaf(image, tree, 0, image.num_length_bytes(), allowance, [&](Cursor&, uint64_t address) {
    // "III.B. Symbol Table Nodes" and "III.C. Symbol Table Entry"
    constexpr const char* kNode = "a symbol table node";
    const std::string node_head = image.block(address, 8, kNode, allowance);
    image.expect_signature(node_head, "SNOD", address);
    Cursor counts(image, node_head, address);
    counts.skip(6);
    const uint16_t num_entries = counts.u16();
    const uint64_t entry_bytes = image.num_length_bytes() + image.num_address_bytes() + 24;
    const std::string body = image.block(address + 8, num_entries * entry_bytes, kNode, allowance);
    Cursor entries(image, body, address + 8);
    for (int i = 0; i < num_entries; ++i) {
      const uint64_t name = entries.length();
      Link link;
      link.address = entries.address();
      const uint32_t cache = entries.u32();
      entries.skip(4);
      const uint32_t target = entries.u32();
      entries.skip(12);
      if (cache == 2) {
        link.kind = Link::Kind::kSoft;
        link.target = name_at(target);
      }
      links[name_at(name)] = std::move(link);
    }
  });
}

}  // namespace

std::map<std::string, Link> read_links(const Image& image, const Object& group, Allowance& allowance) {
  Links links;
  for (const Message& message : group.messages) {
    Cursor cursor(image, message.bytes, message.address);
    if (message.type == kMessageLink) {
      add_link(cursor, links);
    } else if (message.type == kMessageSymbolTable) {
      add_symbol_table(image, message, allowance, links);
    } else if (message.type == kMessageLinkInfo) {
      const uint8_t version = cursor.u8();
      if (version != 0) cursor.fail(fmt::format("link information of version {}; 0 is read", version));
      if ((cursor.u8() & 1) != 0) cursor.skip(8);
      const uint64_t heap_address = cursor.address();
      const uint64_t tree_address = cursor.address();
      if (heap_address == kUndefined || tree_address == kUndefined) continue;
      FractalHeap heap(image, heap_address, allowance);
      for_each_record(image, tree_address, 5, allowance, [&](Cursor& record) {
        record.skip(4);  // the hash of the name
        const std::string bytes = heap.object(record.take(heap.id_size()));
        Cursor link(image, bytes, heap_address);
        add_link(link, links);
      });
    }
  }
  return links;
}

}  // namespace limbic::formats::hdf5
