#include "loader/collate.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>

#include "limbic/core/error.h"

namespace limbic::data {

affect::ModalityBatch collate(const LoaderModality& modality, const std::vector<SampleRow>& rows,
                              BatchBuffers& buffers, LoaderProfile& profile) {
  const auto batch = static_cast<int64_t>(rows.size());
  int64_t longest = 1;
  for (const auto& row : rows) {
    if (row.stream().values.defined()) longest = std::max(longest, row.stream().values.size(0));
  }
  std::vector<int64_t> shape{batch, longest};
  shape.insert(shape.end(), modality.frame_shape.begin(), modality.frame_shape.end());
  affect::ModalityBatch out;
  out.x = buffers.empty(shape, modality.is_image ? at::kByte : at::kFloat);
  out.mask_BT = buffers.empty({batch, longest}, at::kBool);
  out.present_B = at::empty({batch}, at::TensorOptions(at::kBool));
  auto* x = static_cast<char*>(out.x.data_ptr());
  auto* mask = out.mask_BT.data_ptr<bool>();
  auto* present = out.present_B.data_ptr<bool>();
  const size_t row_bytes = out.x.nbytes() / static_cast<size_t>(batch);
  for (size_t b = 0; b < rows.size(); ++b) {
    char* row = x + b * row_bytes;
    bool* row_mask = mask + b * static_cast<size_t>(longest);
    size_t used_bytes = 0;
    size_t used_frames = 0;
    const affect::Stream& stream = rows[b].stream();
    if (stream.values.defined()) {
      if (stream.values.scalar_type() != out.x.scalar_type()) {
        throw Error(ErrorCode::kInternal, modality.name + ": a feature of another type than its modality");
      }
      const auto values = stream.values.expect_contiguous();
      const auto valid_T = stream.valid_T.expect_contiguous();
      used_bytes = values->nbytes();
      used_frames = static_cast<size_t>(values->size(0));
      std::memcpy(row, values->data_ptr(), used_bytes);
      std::memcpy(row_mask, valid_T->data_ptr<bool>(), used_frames);
    }
    std::memset(row + used_bytes, 0, row_bytes - used_bytes);
    std::fill(row_mask + used_frames, row_mask + longest, false);
    // A stream without one real frame says nothing: it counts as absent.
    present[b] = std::any_of(row_mask, row_mask + used_frames, [](bool real) { return real; });
    profile.num_frames += static_cast<int64_t>(used_frames);
  }
  profile.num_padded_frames += batch * longest;
  return out;
}

LoaderProfile& LoaderProfile::operator+=(const LoaderProfile& other) {
  read_s += other.read_s;
  features_s += other.features_s;
  augment_s += other.augment_s;
  collate_s += other.collate_s;
  num_samples += other.num_samples;
  num_batches += other.num_batches;
  num_cached += other.num_cached;
  num_read += other.num_read;
  num_computed += other.num_computed;
  num_augmented += other.num_augmented;
  num_frames += other.num_frames;
  num_padded_frames += other.num_padded_frames;
  return *this;
}

double LoaderProfile::padding_share() const {
  return num_padded_frames > 0 ? 1 - static_cast<double>(num_frames) / static_cast<double>(num_padded_frames)
                               : 0;
}

}  // namespace limbic::data
