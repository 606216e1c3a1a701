// Hand-labelled recordings and a corpus of activities. The files are read by scipy in a script of the test;
// nothing of them is stored. The tables that are printed are those of the docs.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <string>

#include "limbic/signals/dsp/statistics.h"
#include "limbic/signals/eye/eye_analysis.h"
#include "limbic/signals/eye/gaze_geometry.h"
#include "support/paths.h"

namespace limbic::signals {
namespace {

/// One recording with what two people called its samples (the numbers of GazeClass).
struct LabelledGaze {
  std::string name;
  GazeSamples gaze;
  std::vector<int> coder_ra;
  std::vector<int> coder_mn;
};

/// The defaults of AdaptiveClassifierConfig and GazeLossConfig were tuned on these and on nothing else;
/// none of their people is among the others.
const std::set<std::string> kTuned = {"TH34_img_Europe", "TH34_img_vy",     "TL20_img_konijntjes",
                                      "UH21_img_Rome",   "UH29_img_Europe", "UL31_img_konijntjes",
                                      "UL43_img_Rome"};

bool run_script(const test::TempDir& dir, const char* script, const std::string& corpus) {
  std::ofstream(dir / "read.py") << script;
  return std::system(("/usr/bin/python3 " + (dir / "read.py") + " '" + test::real_data() + "/" + corpus +
                      "' " + dir.path() + " >/dev/null 2>&1")
                         .c_str()) == 0;
}

constexpr const char* kReadLund = R"(
import sys, os, glob, numpy as np, scipy.io
corpus, out = sys.argv[1:]
fixed = {os.path.basename(f).replace("_FIX", ""): f for f in glob.glob(corpus + "/fix_by_Zemblys2018/*.mat")}
for kind in ("img", "dots", "video"):
    for ra in sorted(glob.glob(corpus + "/" + kind + "/*_RA.mat")):
        mn = ra.replace("_RA.mat", "_MN.mat")
        if not os.path.exists(mn): continue
        a, b = (scipy.io.loadmat(fixed.get(os.path.basename(f), f), squeeze_me=True, struct_as_record=False)["ETdata"]
                for f in (ra, mn))
        n = min(len(a.pos), len(b.pos))
        name = os.path.basename(ra).replace("_labelled_RA.mat", "")
        with open(out + "/index", "a") as index:
            print(name, n, a.sampFreq, a.screenRes[0], a.screenRes[1], a.screenDim[0], a.screenDim[1], a.viewDist, file=index)
        np.hstack([a.pos[:n, 3:6], b.pos[:n, 5:6]]).astype(float).tofile(out + "/" + name)
)";

std::vector<LabelledGaze> read_lund(const test::TempDir& dir) {
  std::vector<LabelledGaze> recordings;
  std::ifstream index(dir / "index");
  std::string line;
  while (std::getline(index, line)) {
    std::istringstream words(line);
    LabelledGaze r;
    size_t n = 0;
    double rate_hz = 0;
    ScreenGeometry screen;
    words >> r.name >> n >> rate_hz >> screen.width_px >> screen.height_px >> screen.width_m >>
        screen.height_m >> screen.distance_m;
    const std::string bytes = core::read_file(dir / r.name);
    if (bytes.size() != n * 4 * sizeof(double)) return {};
    const auto* rows = reinterpret_cast<const double*>(bytes.data());
    std::vector<double> time_s, x_px, y_px;
    for (size_t i = 0; i < n; ++i, rows += 4) {
      const bool is_lost = rows[0] == 0 && rows[1] == 0;
      time_s.push_back(static_cast<double>(i) / rate_hz);
      x_px.push_back(is_lost ? kMissing : rows[0]);
      y_px.push_back(is_lost ? kMissing : rows[1]);
      r.coder_ra.push_back(static_cast<int>(rows[2]));
      r.coder_mn.push_back(static_cast<int>(rows[3]));
    }
    r.gaze = gaze_of_pixels(time_s, x_px, y_px, {}, screen);
    recordings.push_back(std::move(r));
  }
  return recordings;
}

/// Every 500 / rate-th sample, rounded to the nearest.
LabelledGaze decimated(const LabelledGaze& r, double rate_hz) {
  const double step = sampling_rate_hz(r.gaze) / rate_hz;
  LabelledGaze out;
  out.name = r.name;
  for (size_t k = 0;; ++k) {
    const auto i = static_cast<size_t>(std::llround(static_cast<double>(k) * step));
    if (i >= r.gaze.size()) return out;
    out.gaze.time_s.push_back(r.gaze.time_s[i]);
    out.gaze.x_deg.push_back(r.gaze.x_deg[i]);
    out.gaze.y_deg.push_back(r.gaze.y_deg[i]);
    out.coder_ra.push_back(r.coder_ra[i]);
    out.coder_mn.push_back(r.coder_mn[i]);
  }
}

/// Cohen's kappa of "is class k" over all samples of all recordings.
class Kappa {
 public:
  void add(const std::vector<int>& a, const std::vector<int>& b, int k) {
    for (size_t i = 0; i < a.size(); ++i) {
      n_ += 1;
      agree_ += (a[i] == k) == (b[i] == k) ? 1 : 0;
      a_ += a[i] == k ? 1 : 0;
      b_ += b[i] == k ? 1 : 0;
    }
  }
  double value() const {
    const double chance = a_ / n_ * b_ / n_ + (1 - a_ / n_) * (1 - b_ / n_);
    return chance < 1 ? (agree_ / n_ - chance) / (1 - chance) : kMissing;
  }

 private:
  double n_ = 0, agree_ = 0, a_ = 0, b_ = 0;
};

struct KappaRow {
  double ra[6];  ///< by class 1..5
  double mn[6];
};
KappaRow compare(const std::vector<LabelledGaze>& recordings,
                 const std::function<std::vector<int>(const LabelledGaze&)>& label) {
  KappaRow row{};
  std::vector<std::vector<int>> labels;
  for (const auto& r : recordings) labels.push_back(label(r));
  for (int k = 1; k <= 5; ++k) {
    Kappa ra, mn;
    for (size_t i = 0; i < recordings.size(); ++i) {
      ra.add(labels[i], recordings[i].coder_ra, k);
      mn.add(labels[i], recordings[i].coder_mn, k);
    }
    row.ra[k] = ra.value();
    row.mn[k] = mn.value();
  }
  return row;
}
void print(const std::string& name, const KappaRow& row) {
  std::printf("%-12s", name.c_str());
  for (int k = 1; k <= 5; ++k) std::printf("  %5.3f/%5.3f", row.ra[k], row.mn[k]);
  std::printf("\n");
}

EyeConfig config_of(EyeMethod method, double rate_hz) {
  EyeConfig c;
  c.method = method;
  if (method == EyeMethod::kEngbert) {
    c.velocity.method = VelocityMethod::kFivePoint;
    c.engbert.force = true;
    if (rate_hz < 100) c.engbert.min_samples = 1;
  }
  return c;
}

KappaRow compare_method(const std::vector<LabelledGaze>& recordings, const EyeConfig& config) {
  return compare(recordings, [&](const LabelledGaze& r) {
    std::vector<int> labels;
    for (const GazeClass c : labels_of(EyeAnalysis(config, r.gaze).classified().events, r.gaze.size())) {
      labels.push_back(static_cast<int>(c));
    }
    return labels;
  });
}

/// Of the saccades of at least `least_deg` that a coder marked at the full rate, and of the candidates at the
/// low rate: how many have a partner within two frames.
struct CandidateScore {
  double recall = 0;
  double precision = 0;
};
CandidateScore score_candidates(const std::vector<LabelledGaze>& recordings, double rate_hz,
                                double least_deg) {
  double num_true = 0, num_found = 0, num_candidates = 0, num_right = 0;
  for (const auto& r : recordings) {
    const EyeAnalysis analysis(EyeConfig{}, decimated(r, rate_hz).gaze);
    std::vector<std::pair<double, double>> all_s, big_s;
    for (size_t i = 0; i < r.coder_ra.size();) {
      size_t last = i + 1;
      while (last < r.coder_ra.size() && r.coder_ra[last] == r.coder_ra[i]) ++last;
      if (r.coder_ra[i] == 2) {
        const std::pair<double, double> span{r.gaze.time_s[i], r.gaze.time_s[last - 1]};
        all_s.push_back(span);
        if (std::hypot(r.gaze.x_deg[last - 1] - r.gaze.x_deg[i], r.gaze.y_deg[last - 1] - r.gaze.y_deg[i]) >=
            least_deg) {
          big_s.push_back(span);
        }
      }
      i = last;
    }
    std::vector<std::pair<double, double>> candidates_s;
    for (const auto& e : analysis.events().events) {
      if (e.label == "saccade") candidates_s.push_back({e.onset_s - 1 / rate_hz, e.onset_s + e.duration_s});
    }
    const auto meets = [&](const auto& span, const auto& others) {
      for (const auto& o : others) {
        if (span.first <= o.second + 1 / rate_hz && o.first <= span.second + 1 / rate_hz) return 1.0;
      }
      return 0.0;
    };
    num_true += static_cast<double>(big_s.size());
    num_candidates += static_cast<double>(candidates_s.size());
    for (const auto& span : big_s) num_found += meets(span, candidates_s);
    for (const auto& span : candidates_s) num_right += meets(span, all_s);
  }
  return {num_found / num_true, num_right / num_candidates};
}

TEST(Lund2013, AgreesWithHumanCodersNearlyAsTheyAgreeWithEachOther) {
  LIMBIC_REQUIRE_DATA("lund2013");
  const test::TempDir dir;
  if (!run_script(dir, kReadLund, "lund2013")) GTEST_SKIP() << "python3-scipy is absent";
  std::vector<LabelledGaze> tuned, kept;
  for (auto& r : read_lund(dir)) {
    if (r.name.find("_img_") == std::string::npos) continue;
    (kTuned.count(r.name) > 0 ? tuned : kept).push_back(std::move(r));
  }
  ASSERT_EQ(tuned.size(), kTuned.size());
  ASSERT_GE(kept.size(), 7u);
  const auto human = [](const LabelledGaze& r) { return r.coder_mn; };
  for (const double rate_hz : {500.0, 60.0, 30.0}) {
    for (const auto* set : {&tuned, &kept}) {
      std::vector<LabelledGaze> recordings;
      for (const auto& r : *set) recordings.push_back(decimated(r, rate_hz));
      std::printf("kappa with RA/MN (human: RA with MN), %s, %g Hz: fixation, saccade, pso, pursuit, blink\n",
                  set == &kept ? "kept aside" : "tuned on", rate_hz);
      const KappaRow people = compare(recordings, human);
      print("human", people);
      for (const auto& [method, name] : enum_names(EyeMethod{})) {
        if (method == EyeMethod::kAuto) continue;
        EyeConfig c = config_of(method, rate_hz);
        const KappaRow row = compare_method(recordings, c);
        print(name, row);
        if (method == EyeMethod::kEngbert) {
          c.engbert.spread = VelocitySpread::kEngbert2003;
          print("engbert2003", compare_method(recordings, c));
        }
        if (method == EyeMethod::kAdaptive && rate_hz == 500) {
          EXPECT_GE(std::min(row.ra[2], row.mn[2]), 0.80);
          EXPECT_GE(std::min(row.ra[1], row.mn[1]), 0.65);
          EXPECT_GE(std::min(row.ra[3], row.mn[3]), 0.60);
          EXPECT_GE(std::min(row.ra[5], row.mn[5]), 0.80);
        }
        if (method == EyeMethod::kCamera && rate_hz < 100) {
          EXPECT_GE(std::min(row.ra[2], row.mn[2]), rate_hz < 50 ? 0.50 : 0.60);
        }
      }
    }
  }
  for (const double rate_hz : {60.0, 30.0}) {
    for (const double least_deg : {0.0, 1.0, 2.0}) {
      const auto score = score_candidates(kept, rate_hz, least_deg);
      std::printf("candidates kept aside, %g Hz: recall of saccades >= %g deg %.3f, precision %.3f\n",
                  rate_hz, least_deg, score.recall, score.precision);
      if (least_deg >= 2) {
        EXPECT_GE(score.recall, 0.85);
      }
      EXPECT_GE(score.precision, 0.75);
    }
  }
}

constexpr const char* kReadGazeGraph = R"(
import sys, io, zipfile, numpy as np
corpus, out = sys.argv[1:]
with zipfile.ZipFile(corpus + "/DesktopActivity.zip") as z:
    for name in z.namelist():
        if not name.endswith(".csv"): continue
        a = np.genfromtxt(io.BytesIO(z.read(name)), delimiter=",")[:, :2]
        short = name.split("/")[-1][:-4]
        print(short, len(a), file=open(out + "/index", "a"))
        a.astype(float).tofile(out + "/" + short)
)";

/// No labels: what comes out of 4 hours of a 30 Hz eye camera must look like eyes.
TEST(GazeGraph, FixationsAndRatesOfActivitiesArePlausible) {
  LIMBIC_REQUIRE_DATA("gazegraph");
  const test::TempDir dir;
  if (!run_script(dir, kReadGazeGraph, "gazegraph")) GTEST_SKIP() << "python3-numpy is absent";
  // The scale of the normalised coordinates is not published: a screen of 24 inches at 60 cm is assumed.
  const ScreenGeometry screen{1920, 1080, 0.53, 0.30, 0.60};
  const char* const kActivities[] = {"BROWSE", "PLAY", "READ", "SEARCH", "WATCH", "WRITE"};
  std::ifstream index(dir / "index");
  std::string name;
  size_t n = 0;
  std::vector<std::vector<double>> rows[6];
  const std::vector<std::string> wanted = {"fixation_rate_per_s", "fixation_duration_median_s",
                                           "saccade_rate_per_s",  "saccade_amplitude_median_deg",
                                           "gaze_entropy_bits",   "gaze_transition_entropy_bits",
                                           "valid_share"};
  while (index >> name >> n) {
    const std::string bytes = core::read_file(dir / name);
    ASSERT_EQ(bytes.size(), n * 2 * sizeof(double));
    const auto* xy = reinterpret_cast<const double*>(bytes.data());
    std::vector<double> time_s, x_px, y_px;
    for (size_t i = 0; i < n; ++i) {
      time_s.push_back(static_cast<double>(i) / 30);
      x_px.push_back(xy[2 * i] * 1920);
      y_px.push_back((1 - xy[2 * i + 1]) * 1080);  // Pupil counts upwards
    }
    const EyeAnalysis analysis({}, gaze_of_pixels(time_s, x_px, y_px, {}, screen));
    EXPECT_EQ(analysis.method(), EyeMethod::kCamera);
    const Table table = analysis.intervals({{0, 1e4}});
    for (size_t a = 0; a < 6; ++a) {
      if (name.find(kActivities[a]) == std::string::npos) continue;
      rows[a].emplace_back();
      for (const auto& w : wanted) rows[a].back().push_back(table.at(0, table.column(w)));
    }
  }
  for (size_t a = 0; a < 6; ++a) {
    ASSERT_EQ(rows[a].size(), 8u) << kActivities[a];
    std::printf("%-7s", kActivities[a]);
    std::vector<double> means;
    for (size_t w = 0; w < wanted.size(); ++w) {
      std::vector<double> values;
      for (const auto& row : rows[a]) values.push_back(row[w]);
      means.push_back(mean(values));
      std::printf("  %s %.3f", wanted[w].c_str(), means.back());
    }
    std::printf("\n");
    EXPECT_GT(means[0], 0.8) << kActivities[a];
    EXPECT_LT(means[0], 4.5) << kActivities[a];
    EXPECT_GT(means[1], 0.1) << kActivities[a];
    EXPECT_LT(means[1], 0.8) << kActivities[a];
  }
}

}  // namespace
}  // namespace limbic::signals
