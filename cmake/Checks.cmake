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

# tidegate_check_sources(NAME [SOURCES file…] [APART file…] [TESTS file…]): clang-tidy of a folder's sources and tests, a
# stamp for each unit of compilation, remade when it or a header it includes changes. Sources that are compiled together
# (TIDEGATE_UNITY, all but those of APART) are checked together.
function(tidegate_check_sources NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;APART;TESTS" ${ARGN})
  if(TIDEGATE_UNITY AND TARGET tidegate_${NAME})
    set(together ${ARG_SOURCES})
    list(TRANSFORM ARG_APART PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
    if(ARG_APART)
      list(REMOVE_ITEM together ${ARG_APART})
    endif()
    list(LENGTH together left)
    set(ARG_SOURCES ${ARG_APART})
    set(nth 0)
    while(left GREATER 0)
      list(APPEND ARG_SOURCES ${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/tidegate_${NAME}.dir/Unity/unity_${nth}_cxx.cxx)
      math(EXPR nth "${nth} + 1")
      math(EXPR left "${left} - ${TIDEGATE_TOGETHER}")
    endwhile()
  endif()
  tidegate_tidy(tidy ${NAME} ${ARG_SOURCES})
  tidegate_tidy(tidy_tests ${NAME} ${ARG_TESTS})
endfunction()

function(tidegate_tidy TARGET NAME)
  set(stamps)
  foreach(source ${ARGN})
    cmake_path(GET source STEM stem)
    set(stamp ${CMAKE_BINARY_DIR}/tidy/${NAME}/${stem}.stamp)
    add_custom_command(
      OUTPUT ${stamp}
      COMMAND ${CMAKE_SOURCE_DIR}/tools/tidy ${CLANG_TIDY} ${CMAKE_BINARY_DIR} ${source} ${stamp}
      DEPENDS ${source} ${CMAKE_SOURCE_DIR}/.clang-tidy ${CMAKE_SOURCE_DIR}/tools/tidy
      DEPFILE ${stamp}.d
      COMMENT "clang-tidy ${NAME}/${stem}")
    list(APPEND stamps ${stamp})
  endforeach()
  add_custom_target(${TARGET}_${NAME} DEPENDS ${stamps})
  add_dependencies(${TARGET} ${TARGET}_${NAME})
endfunction()
