# cmake --install: the command, the library, the headers, and find_package(limbic) for other projects.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS limbic limbic_torch EXPORT limbicTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS limbic_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/limbic DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(DIRECTORY ${PROJECT_SOURCE_DIR}/configs DESTINATION ${CMAKE_INSTALL_DATADIR}/limbic)
install(FILES ${PROJECT_SOURCE_DIR}/data/ontology.yaml DESTINATION ${CMAKE_INSTALL_DATADIR}/limbic)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(limbic_config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/limbic)
install(EXPORT limbicTargets NAMESPACE limbic:: DESTINATION ${limbic_config_dir})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/limbicConfig.cmake.in
  ${PROJECT_BINARY_DIR}/limbicConfig.cmake INSTALL_DESTINATION ${limbic_config_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/limbicConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/limbicConfig.cmake ${PROJECT_BINARY_DIR}/limbicConfigVersion.cmake
  DESTINATION ${limbic_config_dir})
