# What `cmake --install` puts where: libraries, headers, program, package files for CMake and
# pkg-config. The static library is a component of its own, because it alone makes its user find
# everything it was built with: find_package(diva COMPONENTS static).
include(CMakePackageConfigHelpers)

set(diva_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/diva")

install(TARGETS diva EXPORT diva-targets)
install(TARGETS diva_static diva_dependencies EXPORT diva-static-targets)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/diva"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h"
)

foreach(set IN ITEMS diva-targets diva-static-targets)
  install(EXPORT ${set} NAMESPACE diva:: DESTINATION "${diva_package_dir}")
endforeach()
configure_package_config_file(
  "${CMAKE_CURRENT_LIST_DIR}/diva-config.cmake.in" "${PROJECT_BINARY_DIR}/diva-config.cmake"
  INSTALL_DESTINATION "${diva_package_dir}"
)
# Before 1.0 the interface may change with the minor version.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/diva-config-version.cmake"
  COMPATIBILITY SameMinorVersion
)
install(
  FILES "${PROJECT_BINARY_DIR}/diva-config.cmake" "${PROJECT_BINARY_DIR}/diva-config-version.cmake"
  DESTINATION "${diva_package_dir}"
)

# The prefix in diva.pc is relative to the file, so that an installed tree may be moved.
file(RELATIVE_PATH diva_pc_prefix
  "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}"
)
string(REGEX REPLACE "/$" "" diva_pc_prefix "${diva_pc_prefix}")
get_target_property(diva_pc_hdf5 hdf5::hdf5 IMPORTED_LOCATION)
if(DIVA_WITH_CUDA)
  set(diva_pc_cuda "${CUDA_cudart_static_LIBRARY} -lrt ")
endif()
configure_file("${CMAKE_CURRENT_LIST_DIR}/diva.pc.in" "${PROJECT_BINARY_DIR}/diva.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/diva.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
