// "IV.A.2.l. The Data Storage - Filter Pipeline Message": what was done to a chunk, undone from last to
// first.
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <memory>

#include "hdf5_object.h"

namespace limbic::formats::hdf5 {
namespace {

enum : uint16_t {
  kDeflate = 1,
  kShuffle = 2,
  kFletcher32 = 3,
  kSzip = 4,
  kNbit = 5,
  kScaleOffset = 6,
  kLzf = 32000
};

/// One chunk on its way back to elements.
class Unfilter {
 public:
  Unfilter(const Image& image, uint64_t address, uint64_t num_bytes, std::string& bytes)
      : image_(image), address_(address), num_bytes_(num_bytes), bytes_(bytes) {}

  // Checksums add four bytes to what was packed before or after them: hence the slack.
  void deflate() {
    z_stream stream{};
    if (inflateInit(&stream) != Z_OK) throw Error(ErrorCode::kResource, "zlib has no memory");
    const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
    stream.next_in = reinterpret_cast<Bytef*>(bytes_.data());
    stream.avail_in = static_cast<uInt>(std::min<size_t>(bytes_.size(), UINT32_MAX));
    // A chunk never unpacks to more than it should hold: memory in steps, as the bytes really come.
    std::string out;
    for (;;) {
      const size_t before = out.size();
      const size_t room = std::min<uint64_t>(num_bytes_ + kSlack - before, std::max<size_t>(before, 1 << 16));
      if (room == 0) fail("deflated data of more than the chunk's bytes");
      out.resize(before + room);
      stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
      stream.avail_out = static_cast<uInt>(std::min<size_t>(room, UINT32_MAX));
      const uInt offered = stream.avail_out;
      const int result = inflate(&stream, Z_NO_FLUSH);
      const size_t num_out = offered - stream.avail_out;
      out.resize(before + num_out);
      if (result == Z_STREAM_END) break;
      if (result != Z_OK || (stream.avail_in == 0 && num_out == 0))
        fail(fmt::format("damaged deflated data ({})", stream.msg == nullptr ? "it ends early" : stream.msg));
    }
    bytes_ = std::move(out);
  }

  /// All first bytes of the elements came first, then all second ones.
  void shuffle(const Filter& filter) {
    const uint64_t size = filter.values.empty() ? 0 : filter.values[0];
    if (size == 0) fail("shuffled elements of no size");
    if (size == 1 || bytes_.size() < size) return;
    const uint64_t count = bytes_.size() / size;
    std::string out = bytes_;  // what is left over behind the last element stays
    for (uint64_t byte = 0; byte < size; ++byte) {
      const char* from = bytes_.data() + byte * count;
      for (uint64_t i = 0; i < count; ++i) out[i * size + byte] = from[i];
    }
    bytes_ = std::move(out);
  }

  void fletcher32() {
    if (bytes_.size() < 4) fail("less than a checksum");
    const size_t size = bytes_.size() - 4;
    const auto byte = [&](size_t at) { return static_cast<uint32_t>(static_cast<uint8_t>(bytes_[at])); };
    uint32_t low = 0, high = 0;
    for (size_t i = 0; i < size; i += 2) {
      low += byte(i) << 8 | (i + 1 < size ? byte(i + 1) : 0);
      low = (low & 0xFFFF) + (low >> 16);
      high += low;
      high = (high & 0xFFFF) + (high >> 16);
    }
    low = (low & 0xFFFF) + (low >> 16);
    high = (high & 0xFFFF) + (high >> 16);
    const uint32_t stored = byte(size) | byte(size + 1) << 8 | byte(size + 2) << 16 | byte(size + 3) << 24;
    // HDF5 before 1.6.3 wrote the bytes of each half the other way round.
    const auto turned = [](uint32_t half) { return (half << 8 | half >> 8) & 0xFFFF; };
    const bool fits = stored == (high << 16 | low) || stored == (turned(high) << 16 | turned(low));
    if (!fits && image_.options().verify_checksums)
      fail("its fletcher32 checksum does not fit; the file is damaged, fetch it again");
    bytes_.resize(size);
  }

  /// Marc Lehmann's LibLZF, which h5py writes as "lzf": runs of up to 32 bytes as they are, or copies of
  /// what was unpacked before.
  void lzf() {
    std::string out;
    size_t at = 0;
    const auto next = [&]() -> uint32_t {
      if (at == bytes_.size()) fail("lzf data that end early");
      return static_cast<uint8_t>(bytes_[at++]);
    };
    while (at < bytes_.size()) {
      const uint32_t control = next();
      if (control < 32) {
        if (control + 1 > bytes_.size() - at) fail("lzf data that end early");
        out.append(bytes_, at, control + 1);
        at += control + 1;
      } else {
        size_t length = control >> 5;
        if (length == 7) length += next();
        const size_t back = ((control & 31) << 8 | next()) + 1;
        if (back > out.size()) fail("lzf data that copy what lies before them");
        for (size_t i = 0; i < length + 2; ++i) out += out[out.size() - back];
      }
      if (out.size() > num_bytes_ + kSlack) fail("lzf data of more than the chunk's bytes");
    }
    bytes_ = std::move(out);
  }

  [[noreturn]] void fail(const std::string& what) const { image_.fail(address_, "a chunk: " + what); }

 private:
  static constexpr uint64_t kSlack = 64;  ///< checksums of up to 16 fletcher32 filters

  const Image& image_;
  uint64_t address_;
  uint64_t num_bytes_;
  std::string& bytes_;
};

}  // namespace

void unfilter(const Image& image, const std::vector<Filter>& filters, uint32_t mask, uint64_t address,
              uint64_t num_bytes, std::string& bytes) {
  Unfilter chunk(image, address, num_bytes, bytes);
  for (size_t i = filters.size(); i-- > 0;) {
    const Filter& filter = filters[i];
    if ((mask >> i & 1) != 0) continue;
    switch (filter.id) {
      case kDeflate:
        chunk.deflate();
        break;
      case kShuffle:
        chunk.shuffle(filter);
        break;
      case kFletcher32:
        chunk.fletcher32();
        break;
      case kLzf:
        chunk.lzf();
        break;
      default: {
        const char* known = filter.id == kSzip          ? "szip"
                            : filter.id == kNbit        ? "nbit"
                            : filter.id == kScaleOffset ? "scaleoffset"
                                                        : nullptr;
        chunk.fail(fmt::format("filter {} ({}) is not read; repack the file with h5repack -f GZIP=4",
                               filter.id,
                               known != nullptr ? std::string(known) : detail::shown(filter.name)));
      }
    }
  }
  if (bytes.size() != num_bytes) chunk.fail(fmt::format("{} bytes where {} belong", bytes.size(), num_bytes));
}

}  // namespace limbic::formats::hdf5
