#include "import/importers.h"

namespace limbic::data {

ImportReport import_ravdess(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_crema_d(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_emo_db(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_savee(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_tess(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_fer2013(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_ck_plus(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_affect_net(const std::string& source, const std::string& out,
                               const ImportOptions& options);
ImportReport import_afew(const std::string& source, const std::string& out, const ImportOptions& options);

std::vector<Importer> acted_importers() {
  return {
      {"ravdess", "RAVDESS speech and song by file name: audio (.wav, .flac) and video (.mp4)",
       import_ravdess},
      {"crema_d", "CREMA-D by file name: AudioWAV, AudioMP3, VideoFlash; VideoDemographics.csv",
       import_crema_d},
      {"emo_db", "EmoDB (Berlin): 535 .wav by file name", import_emo_db},
      {"savee", "SAVEE: AudioData/DC/a01.wav or DC_a01.wav, videos", import_savee},
      {"tess", "TESS: OAF_back_angry.wav", import_tess},
      {"fer2013", "FER2013: {train,val}.jpgs with index csv, or Kaggle's fer2013.csv", import_fer2013},
      {"ck_plus", "CK+: cohn-kanade-images, Emotion, FACS; or its 48 x 48 copy in class folders",
       import_ck_plus},
      {"affect_net",
       "AffectNet: training.csv and validation.csv with pictures, or train_set, val_set with annotations",
       import_affect_net},
      {"afew", "AFEW: {Train,Val,Test}_AFEW/<class>/*.avi", import_afew},
  };
}

}  // namespace limbic::data
