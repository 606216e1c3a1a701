#include "simulator/render.h"

#include <algorithm>
#include <cmath>

#include "simulator/skin.h"

namespace limbic::data::sim {

/// A vertex: where it is in the resting head (which colours follow), where it moves, and how muscles move it.
struct HeadVertex {
  Vec3 rest;   ///< without relief: the coordinates that the skin is painted in
  Vec3 shape;  ///< with nose, sockets, ears
  float jaw = 0;
  float cheek = 0;
  float mouth = 0;
};

struct ScreenVertex {
  float x = 0;
  float y = 0;
  float depth = 0;  ///< larger is nearer
};

struct Mesh {
  std::vector<HeadVertex> vertices;
  std::vector<std::array<int, 3>> triangles;
  bool is_hair = false;
};

/// What a sample of the picture shows.
struct Fragment {
  Vec3 rest;
  Vec3 normal;
};

namespace {

constexpr int kOversample = 2;
constexpr int kMeshColumns = 72;
constexpr int kMeshRows = 64;
constexpr float kCameraDistance = 9.0f;  ///< in half heights of the head
constexpr float kPivotY = -0.5f;         ///< the head turns about the neck
constexpr float kPivotZ = -0.25f;
constexpr float kEmpty = -1e9f;

float squared(float x) {
  return x * x;
}

/// Height of the face's relief over the smooth head, along z.
float relief(const Looks& looks, float x, float y) {
  const float ax = std::abs(x);
  float h = 0;
  // Nose: a ridge that rises and widens to the tip.
  const float tip = -0.30f * looks.nose_length;
  const float top = 0.08f;
  if (y < top + 0.02f && y > tip - 0.14f) {
    const float along = std::clamp((top - y) / (top - tip), 0.0f, 1.0f);
    const float below = smooth_step(tip - 0.11f, tip + 0.01f, y);
    const float width = looks.nose_width * (0.075f + 0.06f * along * along);
    h += (0.05f + 0.20f * along * std::sqrt(along)) * below * std::exp(-squared(ax / width)) *
         smooth_step(top + 0.02f, top - 0.1f, y);
    h += 0.06f * below * hump((ax - 0.09f * looks.nose_width) / 0.07f, (y - tip + 0.03f) / 0.08f);
  }
  h -= 0.10f * hump((ax - looks.eye_x) / 0.24f, (y - 0.01f) / 0.17f);
  h += 0.045f * hump((ax - looks.eye_x) / 0.16f, (y - 0.01f) / 0.10f);  // eyeball
  h += 0.05f * hump((ax - 0.24f) / 0.32f, (y - 0.19f) / 0.12f);         // brow ridge
  h += 0.06f * hump((ax - 0.36f) / 0.26f, (y + 0.24f) / 0.26f);         // cheek bone
  h -= 0.04f * hump((ax - 0.34f) / 0.2f, (y + 0.58f) / 0.25f);          // hollow cheek
  h += 0.05f * hump(x / 0.30f, (y + 0.56f) / 0.17f);                    // lips
  h -= 0.035f * hump(x / 0.25f, (y + 0.72f) / 0.07f);
  h += 0.07f * hump(x / 0.26f, (y + 0.88f) / 0.18f);  // chin
  return h;
}

Mesh make_head(const Looks& looks) {
  Mesh mesh;
  constexpr float kSuper = 2.35f;  // rounder than a box, flatter than a ball
  for (int row = 0; row <= kMeshRows; ++row) {
    const float lat = (static_cast<float>(row) / kMeshRows - 0.5f) * 3.1f;
    for (int col = 0; col <= kMeshColumns; ++col) {
      const float s = static_cast<float>(col) / kMeshColumns * 2 - 1;
      const float lon = 2.2f * s * (0.62f + 0.38f * s * s);  // denser in front, up to 126 degrees
      Vec3 p{std::cos(lat) * std::sin(lon), std::sin(lat), std::cos(lat) * std::cos(lon)};
      const float norm = std::pow(
          std::pow(std::abs(p.x), kSuper) + std::pow(std::abs(p.y), kSuper) + std::pow(std::abs(p.z), kSuper),
          1 / kSuper);
      p = {p.x / norm, p.y / norm, p.z / norm};
      const float down = std::max(0.0f, -p.y - 0.15f) / 0.85f;
      const float width = looks.head_width * (1 - looks.jaw_taper * std::pow(down, 1.5f)) *
                          (1 - 0.08f * squared(std::max(0.0f, p.y)));
      const float depth = p.z > 0 ? 0.72f * (1 - 0.12f * down) : 0.85f * (1 - 0.4f * down);
      HeadVertex v;
      v.rest = {p.x * width, p.y, p.z * depth};
      v.shape = v.rest;
      if (p.z > 0) v.shape.z += relief(looks, v.rest.x, v.rest.y) * smooth_step(0.0f, 0.25f, p.z);
      // Ears stand out at the sides.
      const float ear = hump((v.rest.z - 0.02f) / 0.12f, (v.rest.y + 0.06f) / 0.24f);
      if (std::abs(v.rest.x) > 0.5f * width)
        v.shape.x += std::copysign((looks.has_long_hair ? 0.05f : 0.13f) * ear, v.rest.x);
      const float hair = hair_share(looks, v.rest);
      const float puff = 1 + looks.hair_volume * hair;
      v.shape = {v.shape.x * puff, v.shape.y * puff, v.shape.z * (1 + 0.5f * looks.hair_volume * hair)};
      if (p.z > 0) {
        v.jaw = smooth_step(-0.50f, -0.80f, v.rest.y) * smooth_step(0.62f, 0.3f, std::abs(v.rest.x));
        v.cheek = hump((std::abs(v.rest.x) - 0.33f) / 0.2f, (v.rest.y + 0.27f) / 0.22f);
        v.mouth = hump(v.rest.x / 0.34f, (v.rest.y + 0.57f) / 0.2f);
      }
      mesh.vertices.push_back(v);
    }
  }
  for (int row = 0; row < kMeshRows; ++row) {
    for (int col = 0; col < kMeshColumns; ++col) {
      const int at = row * (kMeshColumns + 1) + col;
      const int up = at + kMeshColumns + 1;
      mesh.triangles.push_back({at, at + 1, up + 1});
      mesh.triangles.push_back({at, up + 1, up});
    }
  }
  return mesh;
}

/// A bag of hair behind the head.
Mesh make_hair_back(const Looks& looks) {
  Mesh mesh;
  mesh.is_hair = true;
  constexpr int kRows = 28;
  constexpr int kColumns = 36;
  const float bottom = looks.has_long_hair ? -1.5f : -0.15f;
  const float top = 1.0f + 0.9f * looks.hair_volume;
  const float side = looks.head_width * (looks.has_long_hair ? 1.22f : 1.03f) + 0.4f * looks.hair_volume;
  for (int row = 0; row <= kRows; ++row) {
    const float lat = (static_cast<float>(row) / kRows - 0.5f) * 3.1f;
    for (int col = 0; col <= kColumns; ++col) {
      const float lon = (static_cast<float>(col) / kColumns * 2 - 1) * 1.6f;
      HeadVertex v;
      const float flat = std::pow(std::cos(lat), 0.7f);
      v.rest = {side * flat * std::sin(lon), (top + bottom) / 2 + (top - bottom) / 2 * std::sin(lat),
                -0.45f + 0.42f * flat * std::cos(lon)};
      v.shape = v.rest;
      mesh.vertices.push_back(v);
    }
  }
  for (int row = 0; row < kRows; ++row) {
    for (int col = 0; col < kColumns; ++col) {
      const int at = row * (kColumns + 1) + col;
      const int up = at + kColumns + 1;
      mesh.triangles.push_back({at, at + 1, up + 1});
      mesh.triangles.push_back({at, up + 1, up});
    }
  }
  return mesh;
}

}  // namespace

struct FaceRenderer::Impl {
  Impl(const Looks& looks_in, int width_in, int height_in, double noise)
      : looks(looks_in),
        width(width_in),
        height(height_in),
        head(make_head(looks_in)),
        hair(make_hair_back(looks_in)),
        picture(static_cast<size_t>(width_in) * static_cast<size_t>(height_in) * 3) {
    scale_px = looks.head_px_share * static_cast<float>(height);
    light = normalized({looks.light_x, looks.light_y, 0.8f});
    half_way = normalized({light.x, light.y, light.z + 1});
    room.resize(picture.size());
    paint_room(0, 0, 0);
    core::Rng rng(0x6E6F697365ULL);  // the grain's table is the same for all; its place in a row is drawn
    grain.resize(size_t{1} << 14);
    for (auto& g : grain) g = static_cast<float>(noise * rng.normal());
  }

  const uint8_t* draw(const FacePose& pose, core::Rng& rng) {
    x0 = width * kOversample;
    y0 = height * kOversample;
    x1 = 0;
    y1 = 0;
    set_pose(pose);
    move_torso(pose);
    place(head, pose, head_screen, head_normals);
    place(hair, pose, hair_screen, hair_normals);
    x0 = std::clamp(x0 / kOversample * kOversample, 0, width * kOversample);
    y0 = std::clamp(y0 / kOversample * kOversample, 0, height * kOversample);
    x1 = std::clamp((x1 / kOversample + 1) * kOversample, x0, width * kOversample);
    y1 = std::clamp((y1 / kOversample + 1) * kOversample, y0, height * kOversample);
    const auto num = static_cast<size_t>(x1 - x0) * static_cast<size_t>(y1 - y0);
    depth.assign(num, kEmpty);
    if (fragments.size() < num) fragments.resize(num);
    hair_mark.assign(num, 0);
    rasterize(head, head_screen, head_normals);
    rasterize(hair, hair_screen, hair_normals);
    compose(pose, rng);
    return picture.data();
  }

  void set_pose(const FacePose& pose) {
    const float cy = std::cos(pose.yaw_rad), sy = std::sin(pose.yaw_rad);
    const float cp = std::cos(pose.pitch_rad), sp = std::sin(pose.pitch_rad);
    const float cr = std::cos(pose.roll_rad), sr = std::sin(pose.roll_rad);
    // Yaw, then pitch (up is positive), then roll (clockwise as seen).
    const float tilted[3][3] = {{cy, 0, sy}, {-sp * sy, cp, sp * cy}, {-cp * sy, -sp, cp * cy}};
    for (int j = 0; j < 3; ++j) {
      turn[0][j] = cr * tilted[0][j] + sr * tilted[1][j];
      turn[1][j] = -sr * tilted[0][j] + cr * tilted[1][j];
      turn[2][j] = tilted[2][j];
    }
    offset_x = looks.center_x * static_cast<float>(width) + pose.shift_x * scale_px;
    offset_y = looks.center_y * static_cast<float>(height) - pose.shift_y * scale_px;
  }

  Vec3 rotated(const Vec3& p) const {
    return {turn[0][0] * p.x + turn[0][1] * p.y + turn[0][2] * p.z,
            turn[1][0] * p.x + turn[1][1] * p.y + turn[1][2] * p.z,
            turn[2][0] * p.x + turn[2][1] * p.y + turn[2][2] * p.z};
  }

  /// Moves a mesh's vertices by the muscles and the head's turn, and gives them normals in the room's axes.
  void place(const Mesh& mesh, const FacePose& pose, std::vector<ScreenVertex>& screen,
             std::vector<Vec3>& normals) {
    const Expression& e = pose.expression;
    placed.resize(mesh.vertices.size());
    screen.resize(mesh.vertices.size());
    normals.assign(mesh.vertices.size(), Vec3{});
    const float cheek = std::max(0.0f, e.cheek + 0.5f * std::max(0.0f, e.smile));
    for (size_t i = 0; i < mesh.vertices.size(); ++i) {
      const HeadVertex& v = mesh.vertices[i];
      Vec3 p = v.shape;
      p.y -= 0.13f * e.jaw * v.jaw;
      p.y += 0.03f * cheek * v.cheek;
      p.z += 0.07f * cheek * v.cheek + 0.04f * e.lip_round * v.mouth - 0.02f * e.smile * v.mouth;
      p = rotated({p.x, p.y - kPivotY, p.z - kPivotZ});
      p.y += kPivotY;
      p.z += kPivotZ;
      placed[i] = p;
      const float k = scale_px * kCameraDistance / (kCameraDistance - p.z);
      ScreenVertex& s = screen[i];
      s.x = (offset_x + k * p.x) * kOversample;
      s.y = (offset_y - k * p.y) * kOversample;
      s.depth = p.z;
      x0 = std::min(x0, static_cast<int>(s.x) - 1);
      y0 = std::min(y0, static_cast<int>(s.y) - 1);
      x1 = std::max(x1, static_cast<int>(s.x) + 1);
      y1 = std::max(y1, static_cast<int>(s.y) + 1);
    }
    for (const auto& t : mesh.triangles) {
      const Vec3 n = cross(placed[static_cast<size_t>(t[1])] - placed[static_cast<size_t>(t[0])],
                           placed[static_cast<size_t>(t[2])] - placed[static_cast<size_t>(t[0])]);
      for (const int i : t) {
        Vec3& sum = normals[static_cast<size_t>(i)];
        sum = {sum.x + n.x, sum.y + n.y, sum.z + n.z};
      }
    }
    for (auto& n : normals) n = normalized(n);
  }

  void rasterize(const Mesh& mesh, const std::vector<ScreenVertex>& screen,
                 const std::vector<Vec3>& normals) {
    const int columns = x1 - x0;
    for (const auto& t : mesh.triangles) {
      const auto ia = static_cast<size_t>(t[0]);
      const auto ib = static_cast<size_t>(t[1]);
      const auto ic = static_cast<size_t>(t[2]);
      const ScreenVertex& a = screen[ia];
      const ScreenVertex& b = screen[ib];
      const ScreenVertex& c = screen[ic];
      const float area = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
      if (area >= -1e-6f) continue;  // seen from behind, or from the edge
      const int left = std::max(x0, static_cast<int>(std::ceil(std::min({a.x, b.x, c.x}) - 0.5f)));
      const int right = std::min(x1 - 1, static_cast<int>(std::floor(std::max({a.x, b.x, c.x}) - 0.5f)));
      const int top = std::max(y0, static_cast<int>(std::ceil(std::min({a.y, b.y, c.y}) - 0.5f)));
      const int bottom = std::min(y1 - 1, static_cast<int>(std::floor(std::max({a.y, b.y, c.y}) - 0.5f)));
      const float inverse = 1 / area;
      for (int y = top; y <= bottom; ++y) {
        const float py = static_cast<float>(y) + 0.5f;
        for (int x = left; x <= right; ++x) {
          const float px = static_cast<float>(x) + 0.5f;
          const float wa = ((b.x - px) * (c.y - py) - (b.y - py) * (c.x - px)) * inverse;
          const float wb = ((c.x - px) * (a.y - py) - (c.y - py) * (a.x - px)) * inverse;
          const float wc = 1 - wa - wb;
          if (wa < -1e-4f || wb < -1e-4f || wc < -1e-4f) continue;
          const float z = wa * a.depth + wb * b.depth + wc * c.depth;
          const auto at =
              static_cast<size_t>(y - y0) * static_cast<size_t>(columns) + static_cast<size_t>(x - x0);
          if (z <= depth[at]) continue;
          const Vec3 rest =
              weighted(mesh.vertices[ia].rest, wa, mesh.vertices[ib].rest, wb, mesh.vertices[ic].rest, wc);
          // Long hair parts below the chin and leaves the neck free.
          if (mesh.is_hair && rest.y < -0.5f && std::abs(rest.x) < 0.50f + 0.08f * std::sin(7 * rest.y))
            continue;
          depth[at] = z;
          hair_mark[at] = mesh.is_hair ? 1 : 0;
          fragments[at].rest = rest;
          fragments[at].normal = weighted(normals[ia], wa, normals[ib], wb, normals[ic], wc);
        }
      }
    }
  }

  /// Colours of the samples, averaged over each pixel, over the room; then the camera's grain.
  void compose(const FacePose& pose, core::Rng& rng) {
    const FacePaint paint(looks, pose);
    const int columns = x1 - x0;
    for (int y = 0; y < height; ++y) {
      const size_t row = static_cast<size_t>(y) * static_cast<size_t>(width) * 3;
      const float* from = room.data() + row;
      uint8_t* to = picture.data() + row;
      const bool has_head = y * kOversample >= y0 && y * kOversample < y1;
      const auto shift = static_cast<size_t>(rng.below(static_cast<int64_t>(grain.size())));
      for (int x = 0; x < width; ++x) {
        Rgb colour{from[3 * x], from[3 * x + 1], from[3 * x + 2]};
        if (has_head && x * kOversample >= x0 && x * kOversample < x1) {
          const size_t at = static_cast<size_t>(y * kOversample - y0) * static_cast<size_t>(columns) +
                            static_cast<size_t>(x * kOversample - x0);
          const std::array<size_t, 4> samples{at, at + 1, at + static_cast<size_t>(columns),
                                              at + static_cast<size_t>(columns) + 1};
          Rgb sum;
          int num_covered = 0;
          for (const size_t s : samples) {
            if (depth[s] == kEmpty) continue;
            ++num_covered;
            sum = added(sum, shade(paint, fragments[s], hair_mark[s] != 0), 0.25f);
          }
          if (num_covered > 0) colour = added(sum, colour, 1 - 0.25f * static_cast<float>(num_covered));
        }
        const size_t place_in_grain = shift + static_cast<size_t>(3 * x);
        const size_t mask = grain.size() - 1;
        to[3 * x] = to_byte(colour.r + grain[place_in_grain & mask]);
        to[3 * x + 1] = to_byte(colour.g + grain[(place_in_grain + 1) & mask]);
        to[3 * x + 2] = to_byte(colour.b + grain[(place_in_grain + 2) & mask]);
      }
    }
  }

  static uint8_t to_byte(float v) { return static_cast<uint8_t>(std::clamp(v + 0.5f, 0.0f, 255.0f)); }

  Rgb shade(const FacePaint& paint, const Fragment& f, bool is_back_hair) const {
    const Surface s = is_back_hair ? paint.hair(f.rest, 0.75f) : paint.at(f.rest);
    const float facing = f.normal.x * light.x + f.normal.y * light.y + f.normal.z * light.z;
    const float diffuse = std::max(0.0f, (facing + 0.25f) / 1.25f);
    // Blinn's highlight, viewer straight ahead.
    const float gloss =
        std::max(0.0f, f.normal.x * half_way.x + f.normal.y * half_way.y + f.normal.z * half_way.z);
    const float gloss2 = gloss * gloss;
    const float gloss4 = gloss2 * gloss2;
    const float gloss16 = gloss4 * gloss4 * gloss4 * gloss4;
    const float lit = looks.ambient + (1.12f - looks.ambient) * diffuse;
    const float shine = 255 * s.gloss * gloss16;
    return {s.colour.r * lit + shine, s.colour.g * lit + shine, s.colour.b * lit + shine};
  }

  /// Paints the rows of the torso anew where it has moved.
  void move_torso(const FacePose& pose) {
    if (pose.shoulder_lift == lift && pose.torso_lean == lean) return;
    lift = pose.shoulder_lift;
    lean = pose.torso_lean;
    constexpr float kHighestShoulder = -0.7f;
    const float top = looks.center_y * static_cast<float>(height) - kHighestShoulder * scale_px;
    paint_room(std::clamp(static_cast<int>(top), 0, height), lift, lean);
  }

  /// The part behind the head, from a row down: wall, something on it, neck and shirt.
  void paint_room(int first_row, float shoulder_lift, float torso_lean) {
    const float w = static_cast<float>(width);
    const float h = static_cast<float>(height);
    const float neck_half = 0.42f * looks.head_width / 0.68f;
    for (int py = first_row; py < height; ++py) {
      for (int px = 0; px < width; ++px) {
        const float x = (static_cast<float>(px) + 0.5f - looks.center_x * w) / scale_px;
        const float y = (looks.center_y * h - static_cast<float>(py) - 0.5f) / scale_px;
        const float edge = 1.2f / scale_px;
        const float glow =
            1.05f + 0.12f * y * looks.light_y + 0.1f * x * looks.light_x - 0.03f * (x * x + y * y);
        Rgb c = scaled(looks.wall, glow);
        const float frame = ramp(0.42f - std::abs(x - std::copysign(1.75f, looks.light_x)), 0.06f) *
                            ramp(0.5f - std::abs(y - 0.45f), 0.06f);
        c = blended(c, scaled(looks.decor, glow), frame);
        // Neck, in the chin's shadow on top.
        const float neck =
            ramp(neck_half + 0.12f * squared(std::max(0.0f, -y - 1.0f)) - std::abs(x), edge) * ramp(-y, edge);
        const float neck_light = (0.55f + 0.3f * smooth_step(-0.9f, -1.3f, y)) *
                                 (1 + 0.5f * looks.light_x * x) * (1 - 0.5f * squared(x / 0.6f));
        c = blended(c, scaled(looks.skin, std::max(0.15f, neck_light)), neck);
        // Shoulders slope from the neck; they move with the torso.
        const float body_x = x - torso_lean;
        const float body_y = y - shoulder_lift;
        const float ax = std::abs(body_x);
        const float slope =
            -1.12f - 0.26f * std::max(0.0f, ax - 0.4f) - 0.35f * squared(std::max(0.0f, ax - 1.0f));
        const float collar = -1.5f + 0.9f * ax;
        const float cover =
            ramp(slope - body_y, edge) * std::max(ramp(ax - neck_half, edge), ramp(collar - body_y, edge));
        const float fold =
            0.04f * std::sin(9 * body_x + 3 * body_y) + 0.03f * std::sin(4 * body_y - 5 * body_x);
        const float cloth = 0.8f + 0.25f * looks.light_x * body_x - 0.08f * body_x * body_x + fold;
        c = blended(c, scaled(looks.shirt, std::max(0.2f, cloth)), cover);
        float* to = room.data() +
                    (static_cast<size_t>(py) * static_cast<size_t>(width) + static_cast<size_t>(px)) * 3;
        to[0] = c.r, to[1] = c.g, to[2] = c.b;
      }
    }
  }

  Looks looks;
  int width;
  int height;
  Mesh head;
  Mesh hair;
  std::vector<uint8_t> picture;
  float scale_px = 1;
  Vec3 light;
  Vec3 half_way;
  std::vector<float> room;  ///< height x width x 3
  std::vector<float> grain;

  float turn[3][3] = {};
  float offset_x = 0;
  float offset_y = 0;
  float lift = 0;  ///< of the shoulders as the room is painted
  float lean = 0;
  int x0 = 0, y0 = 0, x1 = 0, y1 = 0;  ///< box of the head, in samples, half open
  std::vector<Vec3> placed;
  std::vector<ScreenVertex> head_screen, hair_screen;
  std::vector<Vec3> head_normals, hair_normals;
  std::vector<float> depth;
  std::vector<Fragment> fragments;
  std::vector<uint8_t> hair_mark;
};

FaceRenderer::FaceRenderer(const Looks& looks, int width, int height, double pixel_noise)
    : impl_(std::make_unique<Impl>(looks, width, height, pixel_noise)) {}
FaceRenderer::~FaceRenderer() = default;
FaceRenderer::FaceRenderer(FaceRenderer&&) noexcept = default;
FaceRenderer& FaceRenderer::operator=(FaceRenderer&&) noexcept = default;

const uint8_t* FaceRenderer::draw(const FacePose& pose, core::Rng& rng) {
  return impl_->draw(pose, rng);
}

}  // namespace limbic::data::sim
