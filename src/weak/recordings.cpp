#include "limbic/weak/recordings.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"
#include "limbic/signals/table.h"

namespace limbic::weak {
namespace {

/// One sample's stretch of the column.
struct Piece {
  int64_t sample = 0;
  double start_s = 0;
  double rate_hz = 0;
  std::vector<double> values;

  double end_s() const { return start_s + static_cast<double>(values.size()) / rate_hz; }
};

Piece read_piece(const data::Store& store, int64_t row, const std::string& stream, int64_t column) {
  const auto read = store.read_stream(row, stream);
  require(read.rate_hz > 0, ErrorCode::kData,
          fmt::format("sample '{}': {} has no rate: it holds features of windows, not a signal; a source of "
                      "type column reads those",
                      store.samples().id(row), stream));
  const auto values = read.values.to(at::kDouble).contiguous();
  const auto valid_T = read.valid_T.contiguous();
  Piece piece{row, read.t0.seconds(), read.rate_hz, {}};
  for (int64_t t = 0; t < values.size(0); ++t) {
    piece.values.push_back(valid_T.data_ptr<bool>()[t]
                               ? values.data_ptr<double>()[t * values.size(1) + column]
                               : signals::kMissing);
  }
  return piece;
}

/// Pieces [first, last), by time, as one recording.
Recording joined(const std::vector<Piece>& pieces, size_t first, size_t last) {
  Recording recording;
  const double rate_hz = pieces[first].rate_hz;
  double end_s = pieces[first].end_s();
  for (size_t i = first; i < last; ++i) end_s = std::max(end_s, pieces[i].end_s());
  auto& series = recording.series;
  series.rate_hz = rate_hz;
  series.t0_s = pieces[first].start_s;
  series.values.assign(static_cast<size_t>(std::llround((end_s - series.t0_s) * rate_hz)), signals::kMissing);
  for (size_t i = first; i < last; ++i) {
    const auto begin = static_cast<size_t>(std::llround((pieces[i].start_s - series.t0_s) * rate_hz));
    for (size_t k = 0; k < pieces[i].values.size() && begin + k < series.values.size(); ++k)
      series.values[begin + k] = pieces[i].values[k];
    recording.samples.push_back(pieces[i].sample);
  }
  return recording;
}

}  // namespace

int64_t column_place(const data::Store& store, const std::string& stream, const std::string& column) {
  std::vector<std::string> series;
  for (const auto& [name, modality] : store.info().modalities) {
    if (modality.kind == "series") series.push_back(name);
  }
  require(std::find(series.begin(), series.end(), stream) != series.end(), ErrorCode::kConfig,
          "the store has no series '" + stream + "', only " + (series.empty() ? "none" : core::join(series)) +
              core::did_you_mean(stream, series));
  const auto& modality = store.info().modalities.at(stream);
  const int64_t width = modality.frame_shape.empty() ? 1 : modality.frame_shape.front();
  if (column.empty()) {
    require(width == 1, ErrorCode::kConfig,
            fmt::format("stream '{}' has {} columns; name one of {}", stream, width,
                        core::join(modality.columns)));
    return 0;
  }
  const auto at = std::find(modality.columns.begin(), modality.columns.end(), column);
  require(at != modality.columns.end(), ErrorCode::kConfig,
          "stream '" + stream + "' has no column '" + column + "', only " +
              (modality.columns.empty() ? "unnamed ones" : core::join(modality.columns)) +
              core::did_you_mean(column, modality.columns));
  return at - modality.columns.begin();
}

std::vector<Recording> assemble_recordings(const data::Store& store, const std::vector<int64_t>& indices,
                                           const std::string& stream, const std::string& column,
                                           double max_gap_s) {
  using data::SampleField;
  const int64_t place = column_place(store, stream, column);
  const auto& samples = store.samples();
  std::map<std::tuple<int32_t, int32_t, int32_t, int32_t>, std::vector<Piece>> by_recording;
  for (const int64_t row : indices) {
    if (!samples.has_stream(stream, row)) continue;
    auto piece = read_piece(store, row, stream, place);
    if (piece.values.empty()) continue;
    by_recording[{samples.code(SampleField::kCorpus, row), samples.code(SampleField::kSubject, row),
                  samples.code(SampleField::kSession, row), samples.code(SampleField::kClip, row)}]
        .push_back(std::move(piece));
  }
  std::vector<Recording> recordings;
  for (auto& [key, pieces] : by_recording) {
    std::stable_sort(pieces.begin(), pieces.end(),
                     [](const Piece& a, const Piece& b) { return a.start_s < b.start_s; });
    size_t first = 0;
    double end_s = pieces.front().end_s();
    for (size_t i = 1; i <= pieces.size(); ++i) {
      if (i < pieces.size()) {
        require(std::abs(pieces[i].rate_hz - pieces[first].rate_hz) < 1e-6 * pieces[first].rate_hz,
                ErrorCode::kData,
                fmt::format("samples '{}' and '{}' of one recording have {} at {} and {} Hz",
                            samples.id(pieces[first].sample), samples.id(pieces[i].sample), stream,
                            pieces[first].rate_hz, pieces[i].rate_hz));
        if (pieces[i].start_s - end_s <= max_gap_s) {
          end_s = std::max(end_s, pieces[i].end_s());
          continue;
        }
      }
      recordings.push_back(joined(pieces, first, i));
      if (i == pieces.size()) break;
      first = i;
      end_s = pieces[i].end_s();
    }
  }
  return recordings;
}

}  // namespace limbic::weak
