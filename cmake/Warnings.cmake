# Compiler flags of the whole project: warnings are errors, and the preset's sanitizers.
set(TIDEGATE_SANITIZE "" CACHE STRING "sanitizers to build with, as for -fsanitize=")

# Designated initializers name what differs from the default; libstdc++ 12 itself uses a deprecated function in stable_sort.
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
                    -Wold-style-cast -Wimplicit-fallthrough -Wno-missing-designated-field-initializers -Wno-deprecated-declarations -Werror -fno-omit-frame-pointer)
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  add_compile_options(-O0 -g1)
elseif(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  add_compile_options(-O1 -g1)
else()
  add_compile_options(-O2)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-fstack-protector-strong -D_FORTIFY_SOURCE=2)
  add_link_options(-Wl,-z,relro,-z,now)
endif()
if(TIDEGATE_SANITIZE)
  # The vptr check opens a pipe to look at memory, and so fails where a test has taken all descriptors away.
  add_compile_options(-fsanitize=${TIDEGATE_SANITIZE} -fno-sanitize-recover=all -fno-sanitize=vptr)
  add_link_options(-fsanitize=${TIDEGATE_SANITIZE})
endif()

# spdlog and Asio as Debian ships them; Boost.JSON is linked, not included.
add_compile_definitions(SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL BOOST_ASIO_NO_DEPRECATED)
