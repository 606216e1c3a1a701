list(APPEND sources
  import/dialogue/conversation.cpp
  import/dialogue/conversation_config.cpp
  import/dialogue/conversation_media.cpp
  import/dialogue/emorynlp.cpp
  import/dialogue/iemocap.cpp
  import/dialogue/iemocap_ded.cpp
  import/dialogue/importers.cpp
  import/dialogue/meld.cpp
  import/dialogue/mmsa.cpp
  import/dialogue/mosei_csd.cpp
  import/dialogue/mosi_poria.cpp
  import/dialogue/utterances.cpp)
