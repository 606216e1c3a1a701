#include "limbic/data/importer.h"

#include <fmt/format.h>

#include <cmath>

#include "import/importers.h"
#include "limbic/core/error.h"
#include "limbic/core/suggest.h"

namespace limbic::data {
namespace {

/// Options that came from code rather than YAML: the first broken rule is thrown.
class OptionChecks final : public config::Checks {
 public:
  void fail(const std::string& field, const std::string& message) override {
    throw Error(ErrorCode::kConfig, "import: " + field + " " + message);
  }
};

}  // namespace

void ImportOptions::validate(config::Checks& checks) const {
  checks.expect(num_workers >= 1 && num_workers <= 256, "num_workers",
                fmt::format("must be in [1, 256], got {}", num_workers));
  checks.expect(face_size >= 8 && face_size <= 1024, "face_size",
                fmt::format("must be in [8, 1024], got {}", face_size));
  checks.expect(face_channels == 1 || face_channels == 3, "face_channels",
                fmt::format("must be 1 or 3, got {}", face_channels));
  checks.expect(std::isfinite(face_rate_hz) && face_rate_hz > 0 && face_rate_hz <= 1000, "face_rate_hz",
                fmt::format("must be in (0, 1000], got {}", face_rate_hz));
  for (const auto& [name, seconds] : {std::pair{"window_s", window_s}, std::pair{"step_s", step_s}}) {
    checks.expect(std::isfinite(seconds) && seconds > 0 && seconds <= 86400, name,
                  fmt::format("must be in (0, 86400], got {}", seconds));
  }
  checks.expect(std::isfinite(feature_rate_hz) && feature_rate_hz >= 0, "feature_rate_hz",
                fmt::format("must not be negative, got {}", feature_rate_hz));
  checks.expect(limit >= 0, "limit", fmt::format("must not be negative, got {}", limit));
  checks.expect(!label_task.empty(), "label_task", "must not be empty");
}

const std::vector<Importer>& importers() {
  static const std::vector<Importer> kImporters = [] {
    std::vector<Importer> all;
    for (const auto& group :
         {acted_importers(), dialogue_importers(), physio_importers(), generic_importers()}) {
      all.insert(all.end(), group.begin(), group.end());
    }
    return all;
  }();
  return kImporters;
}

ImportReport import_corpus(const std::string& kind, const std::string& source, const std::string& out,
                           const ImportOptions& options) {
  OptionChecks checks;
  options.validate(checks);
  std::vector<std::string> kinds;
  for (const auto& importer : importers()) {
    if (kind == importer.kind) {
      std::string from = source;
      while (from.size() > 1 && from.back() == '/') from.pop_back();
      return importer.run(from, out, options);
    }
    kinds.emplace_back(importer.kind);
  }
  throw Error(ErrorCode::kConfig, fmt::format("import: no kind '{}'; there are {}{}", kind, core::join(kinds),
                                              core::did_you_mean(kind, kinds)));
}

}  // namespace limbic::data
