#include <gtest/gtest.h>

#include "limbic/core/log.h"
#include "limbic/core/progress.h"
#include "limbic/core/rng.h"
#include "limbic/core/threads.h"

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  limbic::log::set_level(limbic::log::Level::kError);
  limbic::core::Progress::set_default_mode(limbic::core::Progress::Mode::kOff);
  limbic::core::set_num_threads(1);
  limbic::core::seed_torch(0);
  return RUN_ALL_TESTS();
}
