#include "import/importers.h"

namespace limbic::data {

ImportReport import_meld(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_emorynlp(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_iemocap(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_iemocap_ded(const std::string& source, const std::string& out,
                                const ImportOptions& options);
ImportReport import_mosi_poria(const std::string& source, const std::string& out,
                               const ImportOptions& options);
ImportReport import_mmsa(const std::string& source, const std::string& out, const ImportOptions& options);
ImportReport import_mosei_csd(const std::string& source, const std::string& out,
                              const ImportOptions& options);
ImportReport import_conversation(const std::string& source, const std::string& out,
                                 const ImportOptions& options);

std::vector<Importer> dialogue_importers() {
  return {
      {"meld", "MELD: {train,dev,test}_sent_emo.csv, with the folders of clips where they lie beside",
       import_meld},
      {"emorynlp", "EmoryNLP: emorynlp_{train,dev,test}_final.csv", import_emorynlp},
      {"iemocap", "IEMOCAP_full_release: EmoEvaluation, transcriptions, sentences/wav, avi", import_iemocap},
      {"iemocap_ded", "IEMOCAP as logits of a speech classifier in order of dialogue (three .pkl)",
       import_iemocap_ded},
      {"mosi_poria", "CMU-MOSI utterance features of Poria et al. 2017, joined by utterances.csv",
       import_mosi_poria},
      {"mmsa", "CMU-MOSI, CMU-MOSEI, CH-SIMS as features in a .pkl of MMSA", import_mmsa},
      {"mosei_csd", "CMU-MOSEI and CMU-MOSI: computational sequences (.csd, HDF5) joined by video and time",
       import_mosei_csd},
      {"conversation",
       "a folder a conversation: ELAN .eaf with sound and video of each person; conversation.yaml",
       import_conversation},
  };
}

}  // namespace limbic::data
