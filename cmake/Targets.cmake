# SPDX-License-Identifier: Apache-2.0
option(FL_WERROR "warnings are errors" OFF)

add_library(fl_flags INTERFACE)
target_compile_options(fl_flags INTERFACE
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings
    -Wundef -Wvla -Wformat=2 -Wswitch-enum -Wno-missing-field-initializers
    -fno-strict-aliasing -fno-omit-frame-pointer
    $<$<BOOL:${FL_WERROR}>:-Werror>)
target_compile_definitions(fl_flags INTERFACE _GNU_SOURCE)
# What the decider calls this build (core/build.h).
target_link_options(fl_flags INTERFACE -Wl,--build-id=sha1)
target_include_directories(fl_flags INTERFACE ${CMAKE_SOURCE_DIR})

# fl_library(NAME SOURCES a.c b.c LIBS x y): a static library of our own code.
function(fl_library name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
    add_library(${name} STATIC ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE fl_flags PUBLIC ${ARG_LIBS})
    target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
endfunction()

# fl_rows_library(NAME PROTO LIBS x): the rows of a view, generated from PROTO beside it. Generated code does not follow
# our warnings.
function(fl_rows_library name proto)
    cmake_parse_arguments(ARG "" "" "LIBS" ${ARGN})
    file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
    string(REGEX REPLACE "\\.proto$" ".pb-c" base ${CMAKE_BINARY_DIR}/${folder}/${proto})
    add_custom_command(
        OUTPUT ${base}.c ${base}.h
        COMMAND ${PROTOC_C} -I${CMAKE_SOURCE_DIR} -I${CMAKE_SOURCE_DIR}/schemas/proto --c_out=${CMAKE_BINARY_DIR}
            ${CMAKE_CURRENT_SOURCE_DIR}/${proto}
        COMMAND ${CMAKE_COMMAND} -DHEADER=${base}.h -P ${CMAKE_SOURCE_DIR}/schemas/const_strings.cmake
        DEPENDS ${proto} ${CMAKE_SOURCE_DIR}/schemas/proto/fleetlog/v1/common.proto
            ${CMAKE_SOURCE_DIR}/schemas/proto/fleetlog/v1/notifications.proto
            ${CMAKE_SOURCE_DIR}/schemas/const_strings.cmake VERBATIM)
    add_library(${name} STATIC ${base}.c)
    target_include_directories(${name} SYSTEM PUBLIC ${CMAKE_BINARY_DIR})
    target_link_libraries(${name} PUBLIC PkgConfig::PROTOBUFC ${ARG_LIBS})
endfunction()

# fl_test(NAME SOURCES a.c LIBS x y LABELS unit [TIMEOUT s]): a cmocka program that ctest runs;
# exit code 77 means "skipped, and the output says why". OWN_KAFKA 1|3 runs it on a cluster of its own, which it may
# pause, kill and restart; the one that ./dev test starts (FLEETLOG_TEST_KAFKA) is shared by all other tests.
function(fl_test name)
    cmake_parse_arguments(ARG "" "TIMEOUT;OWN_KAFKA" "SOURCES;LIBS;LABELS" ${ARGN})
    add_executable(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE fl_flags ${ARG_LIBS} PkgConfig::CMOCKA)
    target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
    set(command ${name})
    if(ARG_OWN_KAFKA)
        set(command ${CMAKE_SOURCE_DIR}/tests/tools/kafka.sh run --brokers ${ARG_OWN_KAFKA} -- $<TARGET_FILE:${name}>)
    endif()
    add_test(NAME ${name} COMMAND ${command} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    if(NOT ARG_TIMEOUT)
        set(ARG_TIMEOUT 120)
    endif()
    set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT}
        SKIP_RETURN_CODE 77 ENVIRONMENT "FLEETLOG_BUILD=${CMAKE_BINARY_DIR}")
endfunction()
