#include "import/importers.h"

namespace limbic::data {

ImportReport import_stress_predict(const std::string& source, const std::string& out,
                                   const ImportOptions& options);
ImportReport import_wesad_features(const std::string& source, const std::string& out,
                                   const ImportOptions& options);
ImportReport import_cog_load(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_k_emocon(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_walk_imu(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_gaze_graph(const std::string& source, const std::string& out,
                               const ImportOptions& options);
ImportReport import_lund2013(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_amigos(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_mahnob_hci(const std::string& source, const std::string& out,
                               const ImportOptions& options);
ImportReport import_recola(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_sewa(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_bvh_styles(const std::string& source, const std::string& out,
                               const ImportOptions& options);
ImportReport import_wesad(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_deap(const std::string& source, const std::string& out, const ImportOptions& options);

std::vector<Importer> physio_importers() {
  return {
      {"stress_predict",
       "Stress-Predict: features of windows of wrist skin conductance, heart, temperature, movement",
       import_stress_predict},
      {"wesad",
       "WESAD: features of windows of the wrist's and the chest's sensors (S2/S2.pkl, or the devices' own "
       "files)",
       import_wesad},
      {"wesad_features", "WESAD wrist features: the csv, or its folder with --step 30 or 60",
       import_wesad_features},
      {"deap", "DEAP: peripheral signals of trials (data_preprocessed_python/s01.dat ...)", import_deap},
      {"cog_load", "the cognitive-load challenge: 30 s of skin conductance, heart rate, RR, temperature",
       import_cog_load},
      {"k_emocon", "K-EmoCon: segments of 5 s with E4, sound and ratings of self, partner and others",
       import_k_emocon},
      {"walk_imu", "walking with induced emotion: windows of watch IMU and heart rate", import_walk_imu},
      {"gaze_graph", "GazeGraph DesktopActivity: windows of gaze, folder or zip", import_gaze_graph},
      {"lund2013", "Lund 2013: hand-labelled eye movements, both coders", import_lund2013},
      {"amigos", "AMIGOS: Data_Preprocessed_P*.mat, windows of EEG, ECG and GSR with self-assessment",
       import_amigos},
      {"mahnob_hci", "MAHNOB-HCI: Sessions/<n>/session.xml with .bdf, windows of stimuli", import_mahnob_hci},
      {"recola", "RECOLA, its own layout or AVEC 2015/2016: windows with ratings over time", import_recola},
      {"sewa", "SEWA as AVEC 2017 to 2019 gave it out: windows with ratings over time", import_sewa},
      {"bvh_styles", "motion capture in affective styles: joint positions of .bvh files", import_bvh_styles},
  };
}

}  // namespace limbic::data
