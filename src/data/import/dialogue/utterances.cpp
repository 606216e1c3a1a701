#include "import/dialogue/utterances.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>

#include "limbic/core/error.h"
#include "limbic/core/log.h"
#include "limbic/core/suggest.h"

namespace limbic::data {

CorpusFiles::CorpusFiles(const std::string& source) {
  for (const std::string& file : list_files(source)) {
    const std::filesystem::path path(file);
    const std::string name = path.filename().string();
    if (name.rfind("._", 0) == 0) continue;
    files_.push_back(file);
    const auto keep = [&](std::string& known) {
      if (known.empty() || file.size() < known.size()) known = file;
    };
    keep(by_name_[name]);
    keep(by_folder_[path.parent_path().filename().string() + "/" + name]);
  }
}

std::string CorpusFiles::find(const std::string& folder, const std::string& name) const {
  const auto found = by_folder_.find(folder + "/" + name);
  return found == by_folder_.end() ? "" : found->second;
}

std::string CorpusFiles::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? "" : found->second;
}

bool CorpusFiles::has_file_in(const std::string& folder, const std::string& extension) const {
  for (auto at = by_folder_.lower_bound(folder + "/"); at != by_folder_.end(); ++at) {
    if (at->first.rfind(folder + "/", 0) != 0) return false;
    if (extension_of(at->first) == extension) return true;
  }
  return false;
}

double read_clock_time(const formats::CsvRow& row, std::string_view column) {
  std::string text = without_blanks(row.text(column));
  std::replace(text.begin(), text.end(), ',', '.');
  const size_t first = text.find(':');
  const size_t second = first == std::string::npos ? first : text.find(':', first + 1);
  if (second != std::string::npos) {
    const auto hours = parse_real(text.substr(0, first));
    const auto minutes = parse_real(text.substr(first + 1, second - first - 1));
    const auto seconds = parse_real(text.substr(second + 1));
    const bool is_time = hours && minutes && seconds && *hours >= 0 && *hours <= 1000 && *minutes >= 0 &&
                         *minutes < 60 && *seconds >= 0 && *seconds < 60;
    if (is_time) return *hours * 3600 + *minutes * 60 + *seconds;
  }
  throw Error(ErrorCode::kData, fmt::format("{}: {} is '{}'; expected a time such as 00:20:57,256",
                                            row.where(), column, text.substr(0, 60)));
}

void require_class(const affect::LabelSpace& space, const std::string& name, const std::string& where) {
  if (std::find(space.classes.begin(), space.classes.end(), name) != space.classes.end()) return;
  throw Error(ErrorCode::kData,
              fmt::format("{}: {} '{}' is unknown{}; known: {}", where, space.task, name.substr(0, 60),
                          core::did_you_mean(name, space.classes), core::join(space.classes)));
}

void shift_streams(RawSample& raw, core::Timestamp by) {
  for (auto& [name, stream] : raw.streams) stream.t0 = stream.t0 + by;
}

void report_missing(const std::string& corpus, const std::vector<std::string>& missing, size_t num_all,
                    DatasetInfo& info) {
  if (missing.empty()) return;
  constexpr size_t kShown = 20;
  const std::vector<std::string> shown(
      missing.begin(), missing.begin() + static_cast<ptrdiff_t>(std::min(missing.size(), kShown)));
  const std::string list = core::join(shown) + (missing.size() > kShown ? ", ..." : "");
  log::warn("clips_missing",
            {{"corpus", corpus}, {"count", missing.size()}, {"of", num_all}, {"clips", list}});
  info.known_defects.push_back(fmt::format("{} of {} clips were not there when this store was made: {}",
                                           missing.size(), num_all, list));
}

}  // namespace limbic::data
