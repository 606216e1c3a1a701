#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "hdf5_image.h"
#include "hdf5_type.h"

// "IV. Disk Format: Level 2 - Data Objects": object headers and the messages in them.
namespace limbic::formats::hdf5 {

enum : uint16_t {
  kMessageDataspace = 0x01,
  kMessageLinkInfo = 0x02,
  kMessageDatatype = 0x03,
  kMessageOldFill = 0x04,
  kMessageFill = 0x05,
  kMessageLink = 0x06,
  kMessageExternal = 0x07,
  kMessageLayout = 0x08,
  kMessageFilters = 0x0B,
  kMessageAttribute = 0x0C,
  kMessageContinuation = 0x10,
  kMessageSymbolTable = 0x11,
  kMessageAttributeInfo = 0x15,
};

struct Message {
  uint16_t type = 0;
  uint64_t address = 0;  ///< of its bytes, for messages
  std::string bytes;
};

struct Dataspace {
  std::vector<uint64_t> dims;
  std::vector<uint64_t> max_dims;  ///< kUndefined: unlimited
  bool is_null = false;            ///< holds nothing at all

  uint64_t num_elements() const;  ///< checked when it was read
};

struct Filter {
  uint16_t id = 0;
  std::string name;
  std::vector<uint32_t> values;
};

enum class LayoutClass : uint8_t { kCompact = 0, kContiguous = 1, kChunked = 2, kVirtual = 3 };

/// How chunks are found.
enum class ChunkIndex : uint8_t {
  kTree1 = 0,
  kSingle = 1,
  kImplicit = 2,
  kFixedArray = 3,
  kExtensibleArray = 4,
  kTree2 = 5
};

struct Layout {
  LayoutClass layout_class = LayoutClass::kContiguous;
  uint64_t address = kUndefined;  ///< of the data, or of the chunks' index
  std::string compact;            ///< data that lies in the header
  std::vector<uint64_t> chunk;    ///< shape of a chunk, in elements
  ChunkIndex index = ChunkIndex::kTree1;
  bool skips_edges = false;  ///< chunks that reach over the edge are not filtered
  uint64_t single_bytes = 0;
  uint32_t single_mask = 0;
  bool is_single_filtered = false;
};

/// Where one chunk lies.
struct Chunk {
  uint64_t index = 0;  ///< in the grid of chunks, last dimension fastest
  uint64_t address = 0;
  uint64_t num_bytes = 0;  ///< as stored
  uint32_t mask = 0;       ///< bit i: filter i was left out
};

struct Link {
  enum class Kind { kHard, kSoft, kExternal } kind = Kind::kHard;
  uint64_t address = 0;
  std::string target;
};

/// A group or dataset, as its header describes it.
struct Object {
  uint64_t address = 0;
  std::vector<Message> messages;
  bool is_group = false;
  bool is_dataset = false;
  std::map<std::string, Link> links;  ///< of a group

  Dataspace space;  ///< of a dataset, as is the rest
  Type type;
  Layout layout;
  std::vector<Filter> filters;
  std::string fill;  ///< one element, or empty: zeros

  mutable std::once_flag chunks_flag;
  mutable std::vector<Chunk> chunks;  ///< sorted by index, once they were asked for

  const Message* find(uint16_t type) const;
};

struct Attribute {
  std::string name;
  Type type;
  Dataspace space;
  std::string data;
};

/// @throws Error(kData) when anything in the header is not as it must be
std::shared_ptr<const Object> read_object(const Image& image, uint64_t address);
std::shared_ptr<const Object> read_object(const Image& image, uint64_t address, Allowance& allowance);
std::vector<Attribute> read_attributes(const Image& image, const Object& object);
Attribute parse_attribute(const Image& image, const Message& message, Allowance& allowance);
Dataspace parse_dataspace(Cursor cursor);
Layout parse_layout(Cursor cursor, const Dataspace& space, const Type& type);
std::vector<Filter> parse_filters(Cursor cursor);

/// The links of a group, however they are stored. In hdf5_links.cpp.
std::map<std::string, Link> read_links(const Image& image, const Object& group, Allowance& allowance);
/// The chunks that lie within the dataset, sorted. In hdf5_chunks.cpp.
const std::vector<Chunk>& chunks_of(const Image& image, const Object& dataset);
/// How many chunks a dimension has, for each.
std::vector<uint64_t> chunk_grid(const Image& image, const Object& dataset);
/// Undoes the filters of a chunk; `bytes` becomes `num_bytes` long. In hdf5_filters.cpp.
void unfilter(const Image& image, const std::vector<Filter>& filters, uint32_t mask, uint64_t address,
              uint64_t num_bytes, std::string& bytes);

}  // namespace limbic::formats::hdf5
