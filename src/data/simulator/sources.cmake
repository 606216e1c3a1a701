list(APPEND sources
  simulator/body.cpp
  simulator/eda.cpp
  simulator/face.cpp
  simulator/latent.cpp
  simulator/render.cpp
  simulator/reports.cpp
  simulator/simulator.cpp
  simulator/skin.cpp
  simulator/voice.cpp)
