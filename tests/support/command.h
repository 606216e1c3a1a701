#pragma once
#include <sys/wait.h>

#include <cstdlib>
#include <string>

#include "support/paths.h"

namespace limbic::test {

/// What a run of the built command left.
struct Outcome {
  int exit_code = -1;
  std::string out;
  std::string err;
};

/// Runs the built command as a user would; the time limit turns a hang into exit code 124.
/// @param limit_s  SIGKILL follows when the limit is given as "kill"
inline Outcome run_limbic(const std::string& arguments, double limit_s = 120, bool kills = false) {
  TempDir dir;
  const std::string command = "timeout " + std::string(kills ? "-s KILL " : "") + std::to_string(limit_s) +
                              " " LIMBIC_COMMAND " " + arguments + " >'" + (dir / "out") + "' 2>'" +
                              (dir / "err") + "' </dev/null";
  const int status = std::system(command.c_str());
  Outcome outcome;
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  outcome.out = core::read_file(dir / "out");
  outcome.err = core::read_file(dir / "err");
  return outcome;
}

/// The contract of every failure: the exit code and one line that begins with "error: ".
inline void expect_error(const Outcome& outcome, int exit_code, const std::string& part) {
  EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
  EXPECT_EQ(outcome.err.rfind("error: ", 0), 0u) << outcome.err;
  EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
  EXPECT_EQ(outcome.out, "");
}

}  // namespace limbic::test
