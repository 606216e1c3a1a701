list(APPEND sources
  simulator/eda.cpp
  simulator/face.cpp
  simulator/latent.cpp
  simulator/render.cpp
  simulator/simulator.cpp
  simulator/skin.cpp
  simulator/voice.cpp)
