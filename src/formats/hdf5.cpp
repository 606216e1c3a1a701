#include "limbic/formats/hdf5.h"

#include <fmt/format.h>

#include "hdf5_object.h"
#include "hdf5_read.h"
#include "limbic/core/suggest.h"

namespace limbic::formats {
namespace {

constexpr int kMaxSoftLinks = 32;

std::vector<std::string> names_of(const std::map<std::string, hdf5::Link>& links) {
  std::vector<std::string> names;
  for (const auto& [name, link] : links) names.push_back(name);
  return names;
}

}  // namespace

bool Hdf5Node::is_group() const {
  return object_->is_group;
}

bool Hdf5Node::is_dataset() const {
  return object_->is_dataset;
}

const hdf5::Object& Hdf5Node::dataset() const {
  if (!object_->is_dataset) image_->fail(path_ + ": not a dataset");
  return *object_;
}

std::vector<std::string> Hdf5Node::names() const {
  if (!object_->is_group) image_->fail(path_ + ": not a group");
  return names_of(object_->links);
}

std::optional<Hdf5Node> Hdf5Node::find(std::string_view path, int num_links, std::string* missing) const {
  if (num_links > kMaxSoftLinks) image_->fail(path_ + ": soft links that lead in a circle");
  Hdf5Node at = *this;
  if (!path.empty() && path[0] == '/')
    at = Hdf5Node(image_, hdf5::read_object(*image_, image_->root_address()), "/");
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    const std::string name(path.substr(0, end));
    path.remove_prefix(std::min(path.size(), end + 1));
    if (name.empty() || name == ".") continue;
    const auto link = at.object_->links.find(name);
    if (link == at.object_->links.end()) {
      if (missing != nullptr) {
        const auto known = names_of(at.object_->links);
        *missing =
            fmt::format("{}: no {} here{}", at.path_, detail::shown(name),
                        !at.object_->is_group ? "; it is not a group" : core::did_you_mean(name, known));
      }
      return std::nullopt;
    }
    const std::string next_path = at.path_ + (at.path_ == "/" ? "" : "/") + name;
    switch (link->second.kind) {
      case hdf5::Link::Kind::kHard:
        at = Hdf5Node(image_, hdf5::read_object(*image_, link->second.address), next_path);
        break;
      case hdf5::Link::Kind::kSoft: {
        auto target = at.find(link->second.target, num_links + 1, missing);
        if (!target) return std::nullopt;
        at = std::move(*target);
        break;
      }
      case hdf5::Link::Kind::kExternal:
        if (missing != nullptr)
          *missing = fmt::format("{}: a link into another file ({}), which is not followed", next_path,
                                 detail::shown(link->second.target));
        return std::nullopt;
    }
  }
  return at;
}

bool Hdf5Node::has(std::string_view path) const {
  return find(path, 0, nullptr).has_value();
}

Hdf5Node Hdf5Node::child(std::string_view path) const {
  std::string missing;
  auto found = find(path, 0, &missing);
  if (!found) image_->fail(missing);
  return std::move(*found);
}

std::vector<std::string> Hdf5Node::attribute_names() const {
  std::vector<std::string> names;
  for (const hdf5::Attribute& attribute : hdf5::read_attributes(*image_, *object_))
    names.push_back(attribute.name);
  return names;
}

bool Hdf5Node::has_attribute(std::string_view name) const {
  for (const hdf5::Attribute& attribute : hdf5::read_attributes(*image_, *object_)) {
    if (attribute.name == name) return true;
  }
  return false;
}

NpyArray Hdf5Node::attribute(std::string_view name, std::string_view field) const {
  std::vector<std::string> names;
  for (const hdf5::Attribute& attribute : hdf5::read_attributes(*image_, *object_)) {
    names.push_back(attribute.name);
    if (attribute.name != name) continue;
    const std::string where = fmt::format("{}: attribute {}", path_, detail::shown(name));
    hdf5::Decoder decoder(*image_, hdf5::find_field(*image_, attribute.type, field, where));
    NpyArray array;
    decoder.prepare(array, attribute.space.is_null ? std::vector<uint64_t>{0} : attribute.space.dims);
    decoder.decode(attribute.data.data(), attribute.type.size, attribute.space.num_elements(), array, 0);
    return array;
  }
  image_->fail(fmt::format("{}: no attribute {}{}", path_, detail::shown(name),
                           core::did_you_mean(std::string(name), names)));
}

std::vector<uint64_t> Hdf5Node::shape() const {
  return dataset().space.dims;
}

std::string Hdf5Node::dtype() const {
  return dataset().type.dtype();
}

std::vector<std::string> Hdf5Node::fields() const {
  std::vector<std::string> names;
  for (const auto& member : dataset().type.members) names.push_back(member.name);
  return names;
}

std::vector<std::pair<int64_t, std::string>> Hdf5Node::enumeration() const {
  return dataset().type.names;
}

NpyArray Hdf5Node::read(std::string_view field) const {
  const std::vector<uint64_t>& dims = dataset().space.dims;
  return read_block(std::vector<uint64_t>(dims.size(), 0), dims, field);
}

NpyArray Hdf5Node::read_rows(uint64_t first, uint64_t count, std::string_view field) const {
  std::vector<uint64_t> counts = dataset().space.dims;
  if (counts.empty()) image_->fail(path_ + ": one number has no rows");
  std::vector<uint64_t> begin(counts.size(), 0);
  begin[0] = first;
  counts[0] = count;
  return read_block(begin, counts, field);
}

NpyArray Hdf5Node::read_block(const std::vector<uint64_t>& first, const std::vector<uint64_t>& count,
                              std::string_view field) const {
  return hdf5::read_block(*image_, dataset(), first, count, field, path_);
}

std::vector<std::optional<Hdf5Node>> Hdf5Node::references() const {
  if (dataset().type.type_class != hdf5::TypeClass::kReference)
    image_->fail(path_ + ": not a dataset of object references");
  std::vector<std::optional<Hdf5Node>> nodes;
  std::map<uint64_t, std::shared_ptr<const hdf5::Object>> known;
  hdf5::Allowance allowance = image_->allowance();
  for (const double value : read().values) {
    // Never written, or a reference to nothing. Addresses of real files are exact in a double.
    if (value == 0 || value >= 0x1p63) {
      nodes.emplace_back();
      continue;
    }
    const auto address = static_cast<uint64_t>(value);
    auto& object = known[address];
    if (object == nullptr) object = hdf5::read_object(*image_, address, allowance);
    nodes.push_back(Hdf5Node(image_, object, fmt::format("/#{}", address)));
  }
  return nodes;
}

Hdf5Node open_hdf5(const std::string& path, const Hdf5Options& options) {
  auto image = std::make_shared<const hdf5::Image>(path, options);
  auto root = hdf5::read_object(*image, image->root_address());
  if (!root->is_group) image->fail("its root is not a group; the file is damaged");
  return Hdf5Node(std::move(image), std::move(root), "/");
}

}  // namespace limbic::formats
