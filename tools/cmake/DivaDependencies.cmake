# Finds what the library is linked with, and gathers it in the target diva_dependencies.

set(THREADS_PREFER_PTHREAD_FLAG ON)
set(HDF5_PREFER_PARALLEL OFF)
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS C)
find_package(HDF5 REQUIRED COMPONENTS C)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(PkgConfig REQUIRED)
pkg_check_modules(jansson REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(libzip REQUIRED IMPORTED_TARGET libzip)
pkg_check_modules(liblbfgs REQUIRED IMPORTED_TARGET liblbfgs)
pkg_check_modules(yaml REQUIRED IMPORTED_TARGET yaml-0.1)

add_library(diva_dependencies INTERFACE)
target_link_libraries(diva_dependencies
  INTERFACE hdf5::hdf5 PkgConfig::jansson PkgConfig::libzip PkgConfig::liblbfgs PkgConfig::yaml
            OpenSSL::Crypto OpenMP::OpenMP_C Threads::Threads ${CMAKE_DL_LIBS} m
)

# BLAS is opened at run time, so that its core type can be set before it loads; here it is only
# looked for, so that its absence is known before the first run fails.
find_library(DIVA_OPENBLAS NAMES libopenblas.so.0 openblas DOC "OpenBLAS, opened at run time")
mark_as_advanced(DIVA_OPENBLAS)
if(NOT DIVA_OPENBLAS)
  message(WARNING "OpenBLAS is not installed: diva builds, but its CPU backend needs "
    "libopenblas.so.0 at run time (Debian, Ubuntu: libopenblas0-pthread)")
endif()

set(DIVA_TESTS OFF)
set(DIVA_TESTS_DETAIL "off (DIVA_BUILD_TESTS=OFF)")
if(DIVA_BUILD_TESTS STREQUAL AUTO AND NOT PROJECT_IS_TOP_LEVEL)
  set(DIVA_TESTS_DETAIL "off (diva is part of another project)")
elseif(NOT DIVA_BUILD_TESTS STREQUAL OFF)
  pkg_check_modules(criterion QUIET IMPORTED_TARGET criterion)
  if(criterion_FOUND)
    set(DIVA_TESTS ON)
    set(DIVA_TESTS_DETAIL "on (Criterion ${criterion_VERSION})")
  elseif(DIVA_BUILD_TESTS STREQUAL ON)
    message(FATAL_ERROR "DIVA_BUILD_TESTS=ON: Criterion is not installed "
      "(Debian, Ubuntu: libcriterion-dev)")
  else()
    set(DIVA_TESTS_DETAIL "off (Criterion is not installed: libcriterion-dev)")
  endif()
endif()
