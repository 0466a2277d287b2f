# What the person configuring may choose, and the compiler flags that follow from it.

# Declares a cache option that is AUTO, ON or OFF; any other value stops the configuration.
function(diva_switch name help)
  set(${name} AUTO CACHE STRING "${help}: AUTO, ON or OFF")
  set_property(CACHE ${name} PROPERTY STRINGS AUTO ON OFF)
  if(NOT "${${name}}" MATCHES "^(AUTO|ON|OFF)$")
    message(FATAL_ERROR "${name} is '${${name}}'; it can be AUTO, ON or OFF")
  endif()
endfunction()

diva_switch(DIVA_CUDA "CUDA backend")
diva_switch(DIVA_MPI "MPI communicator")
diva_switch(DIVA_BUILD_TESTS "Tests (they need Criterion)")
option(DIVA_WERROR "Make compiler warnings errors" OFF)
# Who asks for the tests gets the backend that is there for them; nobody else does.
set(shadow OFF)
if(DIVA_BUILD_TESTS STREQUAL ON)
  set(shadow ON)
endif()
option(DIVA_SHADOW "The shadow backend, and the tests that run over it" ${shadow})
set(DIVA_SANITIZE "" CACHE STRING "Sanitizers to build with, for example address,undefined")

get_property(multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
if(NOT CMAKE_BUILD_TYPE AND NOT multi_config)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo or MinSizeRel" FORCE)
endif()

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# Binaries run on any machine of the architecture: no -march=native, SIMD flags are per file. Sums
# are reproducible and NaN is a value: no -ffast-math.
set(warnings
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
)
if(DIVA_WERROR)
  list(APPEND warnings -Werror)
endif()
add_compile_options("$<$<COMPILE_LANGUAGE:C>:${warnings}>")

if(DIVA_SANITIZE)
  set(sanitizers
    -fsanitize=${DIVA_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1
  )
  add_compile_options("$<$<COMPILE_LANGUAGE:C>:${sanitizers}>")
  add_link_options(-fsanitize=${DIVA_SANITIZE})
endif()
