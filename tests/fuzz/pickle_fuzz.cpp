#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "limbic/core/error.h"
#include "limbic/formats/pickle.h"

namespace {

/// Looks at everything within the budget: values may contain themselves.
void visit(const limbic::formats::PickleValue& value, int& budget) {
  using limbic::formats::PickleKind;
  if (--budget < 0) return;
  switch (value.kind()) {
    case PickleKind::kText:
      (void)value.text();
      break;
    case PickleKind::kList:
    case PickleKind::kTuple:
    case PickleKind::kSet:
      for (uint64_t i = 0; i < value.size() && budget > 0; ++i) visit(value.item(i), budget);
      break;
    case PickleKind::kDict:
      for (uint64_t i = 0; i < value.size() && budget > 0; ++i) {
        visit(value.key(i), budget);
        visit(value.value(i), budget);
        if (value.key(i).kind() == PickleKind::kText && !value.find(value.key(i).text())) std::abort();
      }
      break;
    case PickleKind::kArray: {
      const auto array = value.array();
      if (array.is_object()) {
        for (uint64_t i = 0; i < value.size() && budget > 0; ++i) visit(value.item(i), budget);
      } else if (array.is_number() || array.is_text()) {
        (void)array.to_npy();
      }
      break;
    }
    default:
      break;
  }
}

}  // namespace

// Any bytes are either values that can all be read, or an Error(kData). Everything else is a finding.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto root = limbic::formats::parse_pickle(std::string(reinterpret_cast<const char*>(data), size),
                                                    "fuzz", 16 << 20);
    int budget = 2000;
    visit(root, budget);
  } catch (const limbic::Error& e) {
    if (e.code() != limbic::ErrorCode::kData) std::abort();
  }
  return 0;
}
