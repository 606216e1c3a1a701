#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace limbic::formats {

/// A joint of a skeleton. Parents stand before their children.
struct BvhJoint {
  std::string name;  ///< end sites: "<parent>_end"
  int parent = -1;   ///< -1: a root
  std::array<double, 3> offset{};
  /// Channels in the file's order: 'X' 'Y' 'Z' positions, 'x' 'y' 'z' rotations in degrees.
  std::string channels;
  size_t first_channel = 0;
};

/// Motion capture: a skeleton and its channels frame by frame.
struct BvhMotion {
  std::vector<BvhJoint> joints;
  size_t num_channels = 0;
  double frame_time_s = 0;
  std::vector<double> values_TC;

  size_t num_frames() const { return num_channels == 0 ? 0 : values_TC.size() / num_channels; }
  bool is_end_site(size_t joint_idx) const { return joints[joint_idx].channels.empty(); }
  /// Positions (T, J, 3) of joints and end sites in the file's unit, by forward kinematics: a joint's
  /// rotation is the product of its rotation channels in their order, applied to what hangs below it.
  std::vector<double> positions_TJ3() const;
};

/// Reads a Biovision hierarchy (.bvh): HIERARCHY with ROOT, JOINT and End Site, then MOTION.
/// @throws Error(kData) `path:line: what; expected`
BvhMotion read_bvh(const std::string& path);

}  // namespace limbic::formats
