# Checks that are part of the build: the layers (always) and clang-tidy, each repeated only for what changed. The target
# `tidy` is what every submission must pass; `tidy_tests`, which takes longer than all else together, is for `make lint`.
find_program(PYTHON3 NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
find_program(CLANG_TIDY NAMES clang-tidy-19 REQUIRED)

file(GLOB_RECURSE layer_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/*.h ${CMAKE_SOURCE_DIR}/src/*.cc)
add_custom_command(
  OUTPUT ${CMAKE_BINARY_DIR}/layers.stamp
  COMMAND ${PYTHON3} ${CMAKE_SOURCE_DIR}/tools/layers ${CMAKE_SOURCE_DIR}/src
  COMMAND ${CMAKE_COMMAND} -E touch ${CMAKE_BINARY_DIR}/layers.stamp
  DEPENDS ${layer_sources} ${CMAKE_SOURCE_DIR}/tools/layers
  COMMENT "checking that no file includes a layer above its own")
add_custom_target(layers ALL DEPENDS ${CMAKE_BINARY_DIR}/layers.stamp)

add_custom_target(tidy COMMENT "clang-tidy")
add_custom_target(tidy_tests COMMENT "clang-tidy of the tests")

# tidegate_check_sources(NAME file…): a clang-tidy stamp for each source, remade when it or a header it includes changes.
function(tidegate_check_sources NAME)
  set(stamps)
  set(test_stamps)
  foreach(source ${ARGN})
    file(RELATIVE_PATH relative ${CMAKE_SOURCE_DIR} ${source})
    set(stamp ${CMAKE_BINARY_DIR}/tidy/${relative}.stamp)
    add_custom_command(
      OUTPUT ${stamp}
      COMMAND ${CMAKE_SOURCE_DIR}/tools/tidy ${CLANG_TIDY} ${CMAKE_BINARY_DIR} ${source} ${stamp}
      DEPENDS ${source} ${CMAKE_SOURCE_DIR}/.clang-tidy ${CMAKE_SOURCE_DIR}/tools/tidy
      DEPFILE ${stamp}.d
      COMMENT "clang-tidy ${relative}")
    if(source MATCHES "_test\\.cc$")
      list(APPEND test_stamps ${stamp})
    else()
      list(APPEND stamps ${stamp})
    endif()
  endforeach()
  add_custom_target(tidy_${NAME} DEPENDS ${stamps})
  add_dependencies(tidy tidy_${NAME})
  add_custom_target(tidy_${NAME}_tests DEPENDS ${test_stamps})
  add_dependencies(tidy_tests tidy_${NAME}_tests)
endfunction()
