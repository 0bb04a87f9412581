# tidegate_folder(NAME [ASIO] [USES folder…] [LIBRARIES target…] [APART file.cc…])
#
# Declares the folder's static library `tidegate_NAME` from its *.cc, and its unit tests `NAME_test` from its *_test.cc.
# USES names the folders it builds upon; ASIO gives it the precompiled header with Boost.Asio in it.
#
# Where TIDEGATE_UNITY is on (all presets but `dev`), the sources of a folder are compiled eight at a time, which takes a
# third of the time. A name in an unnamed namespace must therefore be one in its folder; APART names the files that
# are compiled alone: those with names of their own for all that, and those that are fuzzed without the rest.
#
# What tests consist of is not optimised: that takes most of its compilation, and tests spend their time in what they test.
set(tidegate_test_options -O0)
option(TIDEGATE_UNITY "compile several sources at a time" ON)
set(TIDEGATE_TOGETHER 8)
function(tidegate_folder NAME)
  cmake_parse_arguments(ARG "ASIO" "" "USES;LIBRARIES;APART" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")

  add_library(tidegate_${NAME} STATIC ${sources})
  target_include_directories(tidegate_${NAME} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  list(TRANSFORM ARG_USES PREPEND tidegate_)
  target_link_libraries(tidegate_${NAME} PUBLIC ${ARG_USES} ${ARG_LIBRARIES} fmt::fmt Threads::Threads)
  if(ARG_ASIO)
    target_precompile_headers(tidegate_${NAME} REUSE_FROM tidegate_pch_asio)
    target_link_libraries(tidegate_${NAME} PUBLIC Boost::headers)
  elseif(NOT NAME STREQUAL base)
    target_precompile_headers(tidegate_${NAME} REUSE_FROM tidegate_pch)
  endif()
  set_target_properties(tidegate_${NAME} PROPERTIES UNITY_BUILD ${TIDEGATE_UNITY} UNITY_BUILD_BATCH_SIZE ${TIDEGATE_TOGETHER})
  set_source_files_properties(${ARG_APART} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  tidegate_check_sources(${NAME} SOURCES ${sources} APART ${ARG_APART} TESTS ${tests})

  if(tests)
    add_executable(${NAME}_test ${tests})
    target_link_libraries(${NAME}_test PRIVATE tidegate_${NAME} tidegate_test_support GTest::gmock GTest::gtest_main)
    target_precompile_headers(${NAME}_test REUSE_FROM tidegate_pch_test)
    target_compile_options(${NAME}_test PRIVATE ${tidegate_test_options})
    gtest_discover_tests(${NAME}_test TEST_PREFIX "${NAME}: " DISCOVERY_MODE PRE_TEST PROPERTIES LABELS unit TIMEOUT 120)
    set_property(GLOBAL APPEND PROPERTY TIDEGATE_UNIT_TESTS ${NAME}_test)
  endif()
endfunction()

# The precompiled headers: plain, with Asio, and for tests.
file(WRITE ${CMAKE_BINARY_DIR}/pch/empty.cc "// the precompiled headers are built for this file\n")
function(tidegate_precompiled NAME)
  add_library(${NAME} OBJECT ${CMAKE_BINARY_DIR}/pch/empty.cc)
  target_include_directories(${NAME} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(${NAME} PUBLIC fmt::fmt Threads::Threads)
  target_precompile_headers(${NAME} PRIVATE ${ARGN})
endfunction()
set(standard_headers <algorithm> <array> <chrono> <cstdint> <expected> <functional> <map> <memory> <optional> <span>
                     <string> <string_view> <unordered_map> <variant> <vector> <fmt/format.h>)
tidegate_precompiled(tidegate_pch ${standard_headers})
tidegate_precompiled(tidegate_pch_asio ${standard_headers} <boost/asio.hpp>)
target_link_libraries(tidegate_pch_asio PUBLIC Boost::headers)
tidegate_precompiled(tidegate_pch_test ${standard_headers} <gtest/gtest.h> <gmock/gmock.h>)
target_link_libraries(tidegate_pch_test PUBLIC GTest::gtest)
target_compile_options(tidegate_pch_test PRIVATE ${tidegate_test_options})
