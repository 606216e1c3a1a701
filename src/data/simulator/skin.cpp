#include "simulator/skin.h"

namespace limbic::data::sim {
namespace {

constexpr float kSoft = 0.014f;  ///< edges blur over this; about two samples
constexpr float kEyeY = 0.0f;
constexpr float kEyeHalf = 0.135f;
constexpr float kIris = 0.056f;
constexpr float kBrowY = 0.19f;
constexpr float kMouthY = -0.57f;

const Rgb kSclera{236, 232, 226};
const Rgb kTeeth{232, 226, 212};
const Rgb kThroat{58, 18, 18};
const Rgb kPupil{14, 12, 12};

struct Palette {
  Rgb skin;
  Rgb lips;
};
// About the six types of Fitzpatrick.
constexpr std::array<Palette, 6> kSkins{{{{244, 208, 186}, {205, 122, 116}},
                                         {{232, 190, 162}, {192, 108, 100}},
                                         {{214, 168, 134}, {176, 98, 88}},
                                         {{190, 142, 106}, {156, 86, 76}},
                                         {{158, 112, 82}, {132, 74, 66}},
                                         {{126, 88, 66}, {104, 60, 56}}}};
constexpr std::array<Rgb, 6> kHairs{
    {{34, 26, 22}, {62, 42, 30}, {96, 64, 40}, {150, 112, 66}, {120, 58, 34}, {128, 124, 120}}};
constexpr std::array<Rgb, 4> kIrises{{{74, 48, 30}, {58, 86, 116}, {70, 96, 66}, {48, 34, 26}}};

}  // namespace

Looks draw_looks(const SimulatorConfig& config, int64_t subject_idx, int64_t session_idx) {
  core::Rng person = rng_for(config, subject_idx, -1, Draws::kLooks);
  const auto uniform = [](core::Rng& rng, double low, double high) {
    return static_cast<float>(rng.uniform(low, high));
  };
  Looks looks;
  looks.skin_tone = static_cast<int>(person.below(6));
  const Palette& palette = kSkins[static_cast<size_t>(looks.skin_tone)];
  const float warm = uniform(person, 0.97, 1.03);
  looks.skin = {palette.skin.r * warm, palette.skin.g, palette.skin.b / warm};
  looks.lips = palette.lips;
  // Dark skin goes with dark hair and eyes.
  looks.hair = kHairs[static_cast<size_t>(person.below(looks.skin_tone >= 3 ? 2 : 6))];
  looks.iris = kIrises[static_cast<size_t>(looks.skin_tone >= 3 ? 3 * person.below(2) : person.below(4))];
  looks.head_width = uniform(person, 0.65, 0.73);
  looks.jaw_taper = uniform(person, 0.24, 0.40);
  looks.eye_x = uniform(person, 0.255, 0.285);
  looks.eye_size = uniform(person, 0.95, 1.15);
  looks.nose_length = uniform(person, 0.9, 1.1);
  looks.nose_width = uniform(person, 0.85, 1.2);
  looks.mouth_width = uniform(person, 0.20, 0.25);
  looks.lip_fullness = uniform(person, 0.75, 1.25);
  looks.brow_thickness = uniform(person, 0.8, 1.3);
  looks.hairline = uniform(person, 0.50, 0.66);
  looks.hair_volume = uniform(person, 0.04, 0.14);
  looks.has_long_hair = person.chance(0.45);
  looks.beard = !looks.has_long_hair && person.chance(0.4) ? uniform(person, 0.3, 0.9) : 0.0f;

  core::Rng session = rng_for(config, subject_idx, session_idx, Draws::kLooks);
  const auto colour = [&](double low, double high, double chroma) {
    const float gray = uniform(session, low, high);
    return Rgb{gray + uniform(session, -chroma, chroma), gray + uniform(session, -chroma, chroma),
               gray + uniform(session, -chroma, chroma)};
  };
  looks.shirt = colour(60, 190, 45);
  looks.wall = colour(110, 195, 16);
  looks.decor = colour(70, 210, 35);
  looks.light_x = uniform(session, 0.15, 0.6) * (session.chance(0.5) ? 1.0f : -1.0f);
  looks.light_y = uniform(session, 0.3, 0.7);
  looks.ambient = uniform(session, 0.45, 0.62);
  looks.head_px_share = uniform(session, 0.26, 0.31);
  looks.center_x = uniform(session, 0.44, 0.56);
  looks.center_y = uniform(session, 0.44, 0.50);
  return looks;
}

float hair_share(const Looks& looks, const Vec3& rest) {
  const float ax = std::abs(rest.x) / looks.head_width;
  // The hairline: high in the middle, down at the temples.
  const float line = looks.hairline - 0.28f * ax * ax - 0.10f * smooth_step(0.55f, 0.95f, ax);
  const float on_top = ramp(rest.y - line, 0.05f);
  const float sides = ramp(0.26f - rest.z, 0.06f) *
                      ramp(rest.y + (looks.has_long_hair ? 0.5f : 0.02f), 0.08f) * ramp(ax - 0.62f, 0.12f);
  const float back = ramp(-0.12f - rest.z, 0.06f) * ramp(rest.y + 0.35f, 0.08f);
  const float hair = std::max({on_top, sides, back});
  const float ear = looks.has_long_hair
                        ? 0.0f
                        : ramp(0.16f - std::abs(rest.z - 0.04f), 0.05f) * ramp(0.14f - rest.y, 0.04f);
  return hair * (1 - ear);
}

FacePaint::FacePaint(const Looks& looks, const FacePose& pose)
    : looks_(looks), e_(pose.expression), gaze_x_(pose.gaze_x), gaze_y_(pose.gaze_y) {
  lid_ = std::clamp(1 + 0.55f * e_.lid_raise - 0.42f * e_.lid_droop - 0.15f * e_.lid_tight -
                        0.08f * std::max(0.0f, e_.brow_lower),
                    0.25f, 1.65f);
  lid_ = (lid_ - 0.12f * std::max(0.0f, -gaze_y_)) * (1 - pose.blink);
  smile_up_ = std::clamp(e_.smile, 0.0f, 1.5f);
  smile_down_ = std::clamp(-e_.smile, 0.0f, 1.5f);
  mouth_half_ = looks.mouth_width * (1 + 0.30f * smile_up_ + 0.22f * e_.lip_stretch - 0.30f * e_.lip_round -
                                     0.05f * e_.lip_press);
  corner_ = 0.13f * smile_up_ - 0.11f * smile_down_ - 0.02f * e_.lip_stretch;
  const float open = std::max(0.0f, e_.lip_open);
  const float jaw = std::max(0.0f, e_.jaw);
  gap_top_ = 0.035f * open + 0.012f * jaw;
  gap_bottom_ = 0.055f * open + 0.15f * jaw;
  lip_scale_ = std::clamp(
      looks.lip_fullness * (1 - 0.55f * e_.lip_press - 0.15f * smile_up_ + 0.2f * e_.lip_round), 0.3f, 1.6f);
}

Surface FacePaint::hair(const Vec3& rest, float light) const {
  // Strands run down and outward.
  const float strand = std::sin(46 * rest.x + 9 * std::sin(3 * rest.y)) * 0.5f +
                       std::sin(91 * rest.x - 14 * rest.y) * 0.3f +
                       std::sin(23 * rest.z + 31 * rest.x) * 0.2f;
  return {scaled(looks_.hair, light * (1.0f + 0.22f * strand)), 0.06f};
}

Surface FacePaint::at(const Vec3& rest) const {
  const float x = rest.x;
  const float y = rest.y;
  const float ax = std::abs(x);
  const float hair_here = hair_share(looks_, rest);
  if (hair_here > 0.995f) return hair(rest, 1);

  Surface s{looks_.skin, 0.10f};
  if (rest.z > 0.1f) {
    // Blood: cheeks, nose, and less of it around the eyes.
    const float blush =
        0.10f * hump((ax - 0.36f) / 0.22f, (y + 0.26f) / 0.2f) + 0.06f * hump(x / 0.12f, (y + 0.31f) / 0.12f);
    s.colour.g *= 1 - blush;
    s.colour.b *= 1 - blush;
    // Creases and the shadows that a single light misses.
    float shadow = 0.30f * hump((ax - looks_.eye_x) / 0.23f, (y - 0.03f) / 0.15f);
    shadow += 0.16f * hump((ax - 0.12f) / 0.07f, (y - 0.03f) / 0.12f);  // beside the bridge
    const float tip = -0.30f * looks_.nose_length;
    shadow += 0.30f * hump(x / (0.19f * looks_.nose_width), (y - tip + 0.12f) / 0.055f);  // under the nose
    shadow += 0.75f * hump((ax - 0.062f * looks_.nose_width) / 0.04f, (y - tip + 0.085f) / 0.026f);
    shadow += 0.22f * hump((ax - 0.145f * looks_.nose_width) / 0.03f, (y - tip + 0.04f) / 0.07f);
    shadow += 0.14f * hump(x / 0.16f, (y + 0.73f) / 0.045f);
    // From the nose's wings to the mouth's corners.
    const float along = std::clamp((tip - 0.02f - y) / 0.24f, 0.0f, 1.0f);
    const float fold_x = 0.165f + (0.10f + 0.06f * smile_up_) * along;
    const float fold = 0.05f + 0.34f * smile_up_ + 0.30f * std::max(0.0f, e_.nose_wrinkle);
    if (y < tip - 0.01f && y > tip - 0.30f)
      shadow += fold * hump((ax - fold_x) / 0.045f, 0) * smooth_step(0, 0.2f, along) *
                smooth_step(1.0f, 0.7f, along);
    // Anger furrows, fear and sorrow wrinkle the forehead.
    const float furrow = std::max(0.0f, e_.brow_lower);
    shadow += 0.42f * furrow * hump((ax - 0.04f) / 0.022f, (y - 0.20f) / 0.11f);
    shadow += 0.25f * std::max(0.0f, e_.nose_wrinkle) * hump(ax / 0.08f, 0) * hump((y - 0.06f) / 0.03f, 0);
    const float raised = std::max(0.0f, e_.brow_inner) + 0.5f * std::max(0.0f, e_.brow_outer);
    if (raised > 0.05f && y > 0.3f && y < 0.5f)
      shadow +=
          0.14f * raised * hump(x / 0.32f, (y - 0.4f) / 0.1f) * (0.5f + 0.5f * std::sin(y * 95 + 2 * x * x));
    // Cheeks pushed up under the eyes.
    shadow += 0.22f * std::max(0.0f, e_.cheek) * hump((ax - looks_.eye_x) / 0.16f, (y + 0.115f) / 0.025f);
    if (looks_.beard > 0) {
      const float edge = -0.70f + 0.22f * smooth_step(0.1f, 0.35f, ax) + 0.55f * smooth_step(0.3f, 0.62f, ax);
      const float jaw_area = ramp(edge - y, 0.14f);
      const float clear = 1 - hump(x / 0.34f, (y - kMouthY) / 0.14f);
      const float lip_hair = hump(x / 0.26f, (y + 0.46f) / 0.06f);
      const float grow = looks_.beard * std::min(1.0f, jaw_area * clear + lip_hair);
      s.colour = blended(s.colour, scaled(looks_.hair, 1.15f), 0.75f * grow);
      s.gloss *= 1 - 0.7f * grow;
    }
    s.colour = scaled(s.colour, 1 - std::min(0.85f, shadow));
    if (y > -0.2f && y < 0.55f) {
      paint_eye(x, y, s);
      paint_brow(ax, y, s.colour);
    } else if (y < -0.35f && y > -0.95f) {
      paint_mouth(x, y, s);
    }
  }
  if (hair_here > 0.005f) {
    const Surface strands = hair(rest, 1);
    s.colour = blended(s.colour, strands.colour, hair_here);
    s.gloss += (strands.gloss - s.gloss) * hair_here;
  }
  return s;
}

void FacePaint::paint_brow(float ax, float y, Rgb& colour) const {
  const float lower = std::max(-0.3f, e_.brow_lower);
  const float inner_x = 0.115f - 0.045f * std::max(0.0f, lower);
  const float outer_x = looks_.eye_x + 0.19f;
  const float t = (ax - inner_x) / (outer_x - inner_x);
  if (t < -0.1f || t > 1.1f) return;
  const float in = 1 - t;
  const float centre = kBrowY + 0.035f * 4 * t * in * (1 - 0.6f * std::max(0.0f, lower)) - 0.02f * t +
                       0.105f * e_.brow_inner * in * in + 0.06f * e_.brow_inner * in +
                       0.10f * e_.brow_outer * t - lower * (0.10f * in + 0.015f) +
                       0.02f * std::max(0.0f, e_.lid_raise);
  const float half =
      0.036f * looks_.brow_thickness * (1 - 0.55f * std::max(0.0f, t)) * (1 + 0.15f * std::max(0.0f, lower));
  const float cover =
      ramp(half - std::abs(y - centre), 0.022f) * ramp(t + 0.02f, 0.08f) * ramp(1.0f - t, 0.12f);
  colour = blended(colour, scaled(looks_.hair, 0.75f), 0.88f * cover);
}

void FacePaint::paint_eye(float x, float y, Surface& s) const {
  const float side = x < 0 ? -1.0f : 1.0f;
  const float half = kEyeHalf * looks_.eye_size;
  const float dx = std::abs(x) - looks_.eye_x;  // outward
  const float t = dx / half;
  if (t < -1.35f || t > 1.35f || y > kEyeY + 0.22f) return;
  const float dy = y - kEyeY - 0.018f * t;  // the outer corner sits a little higher
  const float arch = std::max(0.0f, 1 - t * t);
  const float tight = std::max(0.0f, e_.lid_tight) + 0.5f * std::max(0.0f, e_.cheek);
  const float low = -0.043f * looks_.eye_size * (1 - 0.45f * std::min(1.2f, tight)) * arch;
  const float full_up = 0.060f * looks_.eye_size * arch;
  const float up = low + (full_up - low) * std::max(0.0f, lid_) * (lid_ > 1 ? 0.86f + 0.14f * lid_ : 1.0f);
  const float inside = ramp(up - dy, kSoft) * ramp(dy - low, kSoft) * ramp(1 - std::abs(t), 0.06f);
  if (inside > 0) {
    // The eyeball: darker under the lid and in the corners.
    Rgb ball = scaled(kSclera, (0.97f - 0.22f * t * t) * (1 - 0.35f * ramp(dy - up + 0.02f, 0.03f)));
    const float gx = side * (x - side * looks_.eye_x) - side * gaze_x_ * 0.055f;
    const float gy = dy - 0.008f - gaze_y_ * 0.03f;
    const float r = std::sqrt(gx * gx + gy * gy);
    const float iris_r = kIris * looks_.eye_size;
    const Rgb iris = scaled(
        looks_.iris, (1.15f - 0.5f * ramp(r - 0.8f * iris_r, 0.3f * iris_r)) * (gy > 0.01f ? 0.8f : 1.0f));
    ball = blended(ball, iris, ramp(iris_r - r, kSoft));
    ball = blended(ball, kPupil, ramp(0.44f * iris_r - r, kSoft));
    const float glint_x = side * gx - 0.018f * (looks_.light_x > 0 ? 1.0f : -1.0f);
    ball = blended(ball, {255, 255, 255},
                   0.85f * ramp(0.012f - std::sqrt(glint_x * glint_x + (gy - 0.02f) * (gy - 0.02f)), kSoft));
    s.colour = blended(s.colour, ball, inside);
    s.gloss *= 1 - inside;
  }
  const Rgb lash = scaled(looks_.hair, 0.45f);
  const float in_reach = ramp(1.08f - std::abs(t), 0.12f);
  s.colour = blended(s.colour, lash, 0.85f * in_reach * ramp(0.014f - std::abs(dy - up - 0.005f), kSoft));
  s.colour = scaled(s.colour, 1 - 0.30f * in_reach * ramp(0.007f - std::abs(dy - low + 0.004f), kSoft));
  // The upper lid's crease goes up with the lid.
  const float crease = up + 0.040f - 0.010f * (1 - lid_);
  s.colour = scaled(s.colour, 1 - 0.25f * in_reach * ramp(0.008f - std::abs(dy - crease), 0.02f));
}

void FacePaint::paint_mouth(float x, float y, Surface& s) const {
  const float t = x / mouth_half_;
  const float at = std::abs(t);
  if (at > 1.25f) return;
  const float centre = kMouthY + corner_ * (t * t - 0.25f) + 0.012f * smile_up_ - 0.004f;
  const float dy = y - centre;
  const float arch = std::max(0.0f, 1 - t * t);
  const float fade = std::sqrt(arch);
  const float top = gap_top_ * arch;
  const float bottom = -gap_bottom_ * arch * (0.6f + 0.4f * arch);
  const float bow = 1 - 0.25f * hump(t / 0.22f, 0) + 0.12f * hump((at - 0.32f) / 0.25f, 0);
  const float upper = top + 0.052f * lip_scale_ * fade * bow;
  const float lower = bottom - 0.066f * lip_scale_ * fade;
  const float ends = ramp(1 - at, 0.06f);
  const float lip = ramp(upper - dy, kSoft) * ramp(dy - lower, kSoft) * ends;
  if (lip > 0) {
    // The upper lip faces down, the lower one up to the light.
    const float tone =
        dy > 0.5f * (top + bottom) ? 0.84f : 1.04f - 1.5f * std::max(0.0f, bottom - 0.03f - dy);
    s.colour = blended(s.colour, scaled(looks_.lips, tone), 0.92f * lip);
    s.gloss += 0.05f * lip;
  }
  const float gap =
      ramp(top - dy, kSoft) * ramp(dy - bottom, kSoft) * ends * ramp(top - bottom - 0.006f, 0.012f);
  if (gap > 0) {
    Rgb inner = kThroat;
    const float teeth_end = top - 0.055f;
    inner = blended(inner, scaled(kTeeth, 0.95f - 0.45f * t * t),
                    ramp(dy - teeth_end, kSoft) * ramp(0.86f - at, 0.1f));
    inner = blended(inner, {150, 74, 72}, 0.7f * hump(t / 0.7f, (dy - bottom) / 0.05f));
    s.colour = blended(s.colour, inner, gap);
    s.gloss *= 1 - gap;
  }
  // The line between the lips, and the corners.
  s.colour = scaled(s.colour, 1 - 0.6f * ramp(0.008f - std::abs(dy - top), kSoft) * ends * (1 - gap));
  s.colour = scaled(s.colour, 1 - 0.35f * hump((at - 1) / 0.14f, dy / 0.035f));
  // Shade under the lower lip.
  s.colour = scaled(s.colour, 1 - 0.20f * hump(t / 0.75f, (dy - lower + 0.03f) / 0.035f) * (1 - lip));
}

}  // namespace limbic::data::sim
