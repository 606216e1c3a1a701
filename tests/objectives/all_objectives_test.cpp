// What holds for every objective of the variant. A new one needs a row in kCases.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "limbic/nn/state.h"
#include "tiny_training.h"

namespace limbic::objectives {
namespace {

/// One objective on the tiny training.
struct Case {
  const char* yaml;
  /// The loss after `warm` + `steps` steps of Adam is below `share` of that after `warm` steps.
  double share;
  int steps = 40;
  int warm = 0;
  /// An objective that has no loss of its own learns with this one.
  const char* beside = nullptr;
};

const std::vector<Case> kCases = {
    {"{type: supervised, task: emotion}", 0.3},
    {"{type: consistency, tasks: [emotion, sentiment]}", 0.4},
    {"{type: crf, task: sentiment}", 0.3},
    {"{type: distillation, task: emotion, teachers: [{type: joint, model: {heads: {emotion: {dropout: 0}}, "
     "encoders: {audio: {type: gru, projection: 0, hidden: 4, dropout: 0}}}}]}",
     0.6},
    {"{type: self_distillation, task: emotion}", 0.4},
    {"{type: info_nce}", 0.7},
    {"{type: cross_modal}", 0.8},
    // Its least value is log 7 here: an anchor has seven fellows. It begins at 2.2.
    {"{type: supervised_contrastive, task: emotion, two_views: true}", 0.9},
    {"{type: vicreg, projection: {hidden: 8, width: 8}}", 0.7},
    {"{type: adaptive_margin_triplet, task: emotion, margin_gradient: true}", 0.98},
    {"{type: deep_cluster, clusters: 3, every_steps: 20}", 0.7, 19, 20},
    {"{type: ogm_ge, task: emotion}", 0.6, 40, 0, "{type: supervised, task: emotion, auxiliary_weight: 1}"},
    {"{type: co_training, task: emotion, labels: {threshold: 0.4}}", 0.6, 40, 0,
     "{type: supervised, task: emotion, auxiliary_weight: 1}"},
    {"{type: co_teaching, task: emotion}", 0.6},
    {"{type: mean_teacher, task: emotion}", 0.6, 40, 0, "{type: supervised, task: emotion}"},
    {"{type: fixmatch, task: emotion, labels: {threshold: 0.4}}", 0.6, 40, 0,
     "{type: supervised, task: emotion}"},
    {"{type: gradient_blending, task: emotion, every_steps: 20, holdout: 0.3}", 0.6},
};

std::string type_in(const std::string& yaml) {
  const auto begin = yaml.find("type: ") + 6;
  return yaml.substr(begin, yaml.find_first_of(",}", begin) - begin);
}

TEST(AllObjectives, HaveARowInTheTable) {
  std::set<std::string> in_table;
  for (const auto& one : kCases) in_table.insert(type_in(one.yaml));
  const auto list = config::type_of<ObjectiveList>();
  for (const auto& name : list.find("objectives")->element().child_names())
    EXPECT_EQ(in_table.count(name), 1u) << name;
}

TEST(AllObjectives, OverfitOneBatch) {
  for (const auto& one : kCases) {
    TinyTraining training;
    std::vector<std::string> yaml{one.yaml};
    if (one.beside != nullptr) yaml.emplace_back(one.beside);
    TinyLearner learner(training, read_objectives(yaml));
    for (int i = 0; i < one.warm; ++i) learner.step();
    const double first = learner.step();
    for (int i = 1; i < one.steps; ++i) learner.step();
    const double last = learner.step();
    EXPECT_GT(first, 0.0) << one.yaml;
    EXPECT_LT(last, one.share * first) << one.yaml << " from " << first;
  }
}

TEST(AllObjectives, AnyTwoTogetherRunAStep) {
  for (size_t a = 0; a < kCases.size(); ++a) {
    for (size_t b = a; b < kCases.size(); ++b) {
      TinyTraining training;
      TinyLearner learner(training, read_objectives({kCases[a].yaml, kCases[b].yaml}));
      learner.step();
      learner.step();
      EXPECT_TRUE(learner.is_finite) << kCases[a].yaml << " and " << kCases[b].yaml;
    }
  }
}

TEST(AllObjectives, ABatchWithoutLabelsAndModalitiesGivesAFiniteLossWithGradient) {
  for (const auto& one : kCases) {
    TinyTraining training;
    for (auto& [task, targets] : training.batch.targets) targets.mask_B.fill_(false);
    for (auto* streams : {&training.batch.streams, &training.batch.views[0]}) {
      for (auto& [modality, stream] : *streams) {
        stream.present_B.fill_(false);
        stream.x.fill_(std::numeric_limits<float>::quiet_NaN());
      }
    }
    TinyLearner learner(training, read_objectives({one.yaml}));
    learner.step();
    EXPECT_TRUE(learner.is_finite) << one.yaml;
  }
}

TEST(AllObjectives, GoOnFromTheirStateAsIfNothingHadHappened) {
  for (const auto& one : kCases) {
    TinyTraining training;
    TinyLearner learner(training, read_objectives({one.yaml}));
    for (int i = 0; i < 3; ++i) learner.step();

    TinyTraining resumed(2);
    resumed.batch = training.batch;
    TinyLearner second(resumed, read_objectives({one.yaml}));
    nn::load_state(*resumed.model->as_module(), nn::state_of(*training.model->as_module()));
    nn::load_state(*second.objectives().as_module(), nn::state_of(*learner.objectives().as_module()));
    core::seed_torch(5);
    const double want = learner.step();
    core::seed_torch(5);
    EXPECT_EQ(second.step(), want) << one.yaml;
    for (const auto& [name, term] : learner.terms)
      EXPECT_EQ(second.terms.at(name).item<double>(), term.item<double>()) << one.yaml << " " << name;
  }
}

}  // namespace
}  // namespace limbic::objectives
