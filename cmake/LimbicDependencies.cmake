# Everything limbic links, found once. Debian package names are in tools/packages.txt.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

find_program(LIMBIC_CCACHE ccache)
if(LIMBIC_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Without these words ccache does not cache what begins from a precompiled header.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${LIMBIC_CCACHE})
endif()

find_package(Threads REQUIRED)
find_package(Torch REQUIRED)
# Debian's OpenCV, gtest and yaml-cpp use the C++11 ABI; old pip wheels do not and cannot link with them.
if(TORCH_CXX_FLAGS MATCHES "_GLIBCXX_USE_CXX11_ABI=0")
  message(FATAL_ERROR "This LibTorch was built with _GLIBCXX_USE_CXX11_ABI=0 and cannot link with the system's "
                      "OpenCV and GoogleTest. Use Debian's libtorch-dev, or a wheel of PyTorch 2.7 or newer.")
endif()
# From 2.13 LibTorch's headers need C++20 (measured with 2.14); before that g++ compiles them faster as C++17.
if(Torch_VERSION VERSION_GREATER_EQUAL 2.13)
  set(LIMBIC_CXX_STANDARD 20)
else()
  set(LIMBIC_CXX_STANDARD 17)
endif()

# Without -fopenmp at::parallel_for of our own translation units runs serially (performance notes §7).
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(OpenCV 4.6 REQUIRED COMPONENTS core imgproc objdetect)
if(OpenCV_VERSION VERSION_GREATER_EQUAL 4.10 AND OpenCV_VERSION VERSION_LESS 4.12)
  # limbic decodes images with FFmpeg, so CVE-2025-53644 of imgcodecs does not reach it; say it all the same.
  message(STATUS "OpenCV ${OpenCV_VERSION} has a flawed JPEG decoder; limbic does not use it")
endif()
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
find_package(CLI11 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(pugixml REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(FFMPEG REQUIRED IMPORTED_TARGET libavformat libavcodec libavutil libswscale libswresample)
# By pkg-config: the CMake files of Debian's libzip demand its command line tools, too.
pkg_check_modules(LIBZIP REQUIRED IMPORTED_TARGET libzip)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)

# LibTorch's own target carries no SYSTEM flag and its headers warn; this one does.
add_library(limbic_torch INTERFACE)
target_include_directories(limbic_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
target_link_libraries(limbic_torch INTERFACE ${TORCH_LIBRARIES} OpenMP::OpenMP_CXX)

# One name for each dependency, so that room lists read like prose.
set(LIMBIC_TORCH limbic_torch)
set(LIMBIC_OPENCV ${OpenCV_LIBS})
set(LIMBIC_FFMPEG PkgConfig::FFMPEG)
set(LIMBIC_LOG spdlog::spdlog fmt::fmt)
set(LIMBIC_JSON nlohmann_json::nlohmann_json)
set(LIMBIC_XML pugixml::pugixml)
set(LIMBIC_ZIP PkgConfig::LIBZIP)
set(LIMBIC_UNICODE PkgConfig::UTF8PROC)

find_package(Git QUIET)
set(LIMBIC_GIT_REVISION unknown)
if(GIT_FOUND)
  execute_process(COMMAND ${GIT_EXECUTABLE} describe --always --dirty --abbrev=12
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE revision RESULT_VARIABLE rc
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(rc EQUAL 0)
    set(LIMBIC_GIT_REVISION ${revision})
  endif()
endif()
include(GNUInstallDirs)
configure_file(${PROJECT_SOURCE_DIR}/cmake/limbic_build_config.h.in
               ${PROJECT_BINARY_DIR}/generated/limbic_build_config.h @ONLY)
