#include "named_task.h"

#include <vector>

#include "limbic/core/error.h"
#include "limbic/core/suggest.h"

namespace limbic::objectives {

std::string named_task(const std::string& wanted, const ClassCounts& counts) {
  std::vector<std::string> tasks;
  for (const auto& [task, count_C] : counts) tasks.push_back(task);
  if (wanted.empty()) {
    require(tasks.size() == 1, ErrorCode::kConfig,
            "task is empty, but there are " + std::to_string(tasks.size()) + " tasks (" + core::join(tasks) +
                "); name one");
    return tasks.front();
  }
  require(counts.count(wanted) != 0, ErrorCode::kConfig,
          "there is no task '" + wanted + "', only " + core::join(tasks) + core::did_you_mean(wanted, tasks));
  return wanted;
}

}  // namespace limbic::objectives
