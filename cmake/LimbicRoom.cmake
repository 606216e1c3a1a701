# limbic_room(<name> [PRECOMPILED] [COLD] [UNITY_BY_FOLDER] [UNITY_JOIN a+b...] SOURCES files... [DEPS rooms...]
#             [LINK targets...])
#
# A room is an OBJECT library of one unity translation unit: the torch headers cost 20 s of CPU per translation
# unit and dominate everything else (STYLE.md, compile time). UNITY_BY_FOLDER
# makes one of every subfolder: for a large room. UNITY_JOIN puts several subfolders into one.
# PRECOMPILED: its sources include much of LibTorch, so that they begin from the shared precompiled header.
# COLD: nothing in it runs long, so that it is compiled with -O1, a quarter faster.
# DEPS lists every room that it may include.
function(limbic_room name)
  cmake_parse_arguments(ARG "PRECOMPILED;COLD;UNITY_BY_FOLDER" "" "UNITY_JOIN;SOURCES;DEPS;LINK" ${ARGN})
  add_library(limbic_${name} OBJECT ${ARG_SOURCES})
  target_include_directories(limbic_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>)
  # Generated headers (build_info) are private to the rooms.
  target_include_directories(limbic_${name} PRIVATE ${PROJECT_BINARY_DIR}/generated)
  limbic_compile_options(limbic_${name})
  if(ARG_COLD)
    limbic_compiled_fast(limbic_${name})
  endif()
  limbic_unity(limbic_${name} "${ARG_SOURCES}" ${ARG_UNITY_BY_FOLDER} "${ARG_UNITY_JOIN}")
  target_link_libraries(limbic_${name} PUBLIC ${ARG_LINK})
  set_target_properties(limbic_${name} PROPERTIES LIMBIC_PRECOMPILED ${ARG_PRECOMPILED})
  limbic_precompiled(limbic_${name} ${ARG_PRECOMPILED})

  # Usage requirements and objects of everything below, so that a room's test binary links without the rooms above.
  set(closure)
  foreach(dep IN LISTS ARG_DEPS)
    target_link_libraries(limbic_${name} PUBLIC limbic_${dep})
    get_target_property(below limbic_${dep} LIMBIC_CLOSURE)
    list(APPEND closure ${below} ${dep})
  endforeach()
  list(REMOVE_DUPLICATES closure)
  list(REMOVE_ITEM closure "")
  set_target_properties(limbic_${name} PROPERTIES LIMBIC_CLOSURE "${closure}")

  target_sources(limbic PRIVATE $<TARGET_OBJECTS:limbic_${name}>)
  target_link_libraries(limbic PRIVATE ${ARG_LINK})
  list(JOIN ARG_DEPS "," deps)
  set_property(GLOBAL APPEND PROPERTY LIMBIC_LAYERS "${name}:${deps}")
endfunction()

# The headers of LibTorch that nearly every source wants cost 12 s of CPU to read, and 3 s precompiled. A compiler takes a
# precompiled header only for the very same flags, so all targets are position independent in the same way.
function(limbic_precompiled target wanted)
  if(NOT LIMBIC_PCH OR NOT wanted)
    return()
  endif()
  if(NOT TARGET limbic_pch)
    file(WRITE ${PROJECT_BINARY_DIR}/limbic_pch.cpp "")
    add_library(limbic_pch OBJECT ${PROJECT_BINARY_DIR}/limbic_pch.cpp)
    target_link_libraries(limbic_pch PRIVATE ${LIMBIC_TORCH} ${LIMBIC_JSON} fmt::fmt)
    limbic_compile_options(limbic_pch)
    target_precompile_headers(limbic_pch PRIVATE
      <algorithm> <map> <memory> <string> <vector> <ATen/ATen.h> <torch/nn/module.h> <torch/nn/modules/linear.h>
      <torch/nn/modules/container/modulelist.h> <nlohmann/json.hpp> <fmt/format.h>)
  endif()
  target_precompile_headers(${target} REUSE_FROM limbic_pch)
endfunction()

# One translation unit a target, or one a subfolder; `joins` are subfolders that share one, written a+b.
function(limbic_unity target sources by_folder joins)
  if(NOT LIMBIC_UNITY)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
  if(by_folder)
    set_target_properties(${target} PROPERTIES UNITY_BUILD_MODE GROUP)
    foreach(source IN LISTS sources)
      get_filename_component(folder ${source} DIRECTORY)
      foreach(join IN LISTS joins)
        string(REPLACE "+" ";" members "${join}")
        if(folder IN_LIST members)
          list(GET members 0 folder)
        endif()
      endforeach()
      string(REPLACE "/" "_" folder "${folder}")
      set_source_files_properties(${source} PROPERTIES UNITY_GROUP "group_${folder}")
    endforeach()
  endif()
endfunction()

# limbic_test(<room> [UNITY_BY_FOLDER] [UNITY_JOIN a+b...] SOURCES files...): one GoogleTest binary per room, <room>_tests.
function(limbic_test room)
  cmake_parse_arguments(ARG "UNITY_BY_FOLDER" "" "UNITY_JOIN;SOURCES;LINK" ${ARGN})
  add_executable(${room}_tests ${ARG_SOURCES} $<TARGET_OBJECTS:limbic_test_support>)
  get_target_property(below limbic_${room} LIMBIC_CLOSURE)
  set(rooms ${below} ${room})
  list(TRANSFORM rooms PREPEND limbic_)
  target_link_libraries(${room}_tests PRIVATE limbic_test_support ${rooms} ${ARG_LINK} GTest::gmock GTest::gtest)
  limbic_compile_options(${room}_tests)
  limbic_compiled_fast(${room}_tests)
  get_target_property(precompiled limbic_${room} LIMBIC_PRECOMPILED)
  limbic_precompiled(${room}_tests ${precompiled})
  limbic_unity(${room}_tests "${ARG_SOURCES}" ${ARG_UNITY_BY_FOLDER} "${ARG_UNITY_JOIN}")
  # One ctest a binary: loading LibTorch costs 0.6 s a process, and there are several hundred tests. For one of them:
  # build/.../tests/<room>/<room>_tests --gtest_filter=Name
  add_test(NAME ${room} COMMAND ${room}_tests WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${room} PROPERTIES TIMEOUT 1200)
endfunction()

# Language level, warnings and sanitizers that every target of ours shares.
function(limbic_compile_options target)
  set_target_properties(${target} PROPERTIES
    CXX_STANDARD ${LIMBIC_CXX_STANDARD} CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${target} PRIVATE -fPIC)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
  if(LIMBIC_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(LIMBIC_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${LIMBIC_SANITIZE} -fno-omit-frame-pointer)
    target_compile_definitions(${target} PRIVATE _GLIBCXX_ASSERTIONS)
    target_link_options(${target} PUBLIC -fsanitize=${LIMBIC_SANITIZE})
  endif()
endfunction()

# What runs briefly is optimised little. A precompiled header made with -O2 still serves.
function(limbic_compiled_fast target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
endfunction()
