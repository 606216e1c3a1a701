list(APPEND sources
  import/acted/afew.cpp
  import/acted/affect_net.cpp
  import/acted/ck_plus.cpp
  import/acted/crema_d.cpp
  import/acted/emo_db.cpp
  import/acted/fer2013.cpp
  import/acted/importers.cpp
  import/acted/named_clips.cpp
  import/acted/ravdess.cpp
  import/acted/savee.cpp
  import/acted/tess.cpp)
