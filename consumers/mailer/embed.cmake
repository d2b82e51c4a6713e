# SPDX-License-Identifier: Apache-2.0
# Writes OUT, a C file with the bytes of every file in the list FILES: cmake -DOUT= -DFILES= -P embed.cmake
set(body "/* Made from templates/ by embed.cmake. */\n#include \"consumers/mailer/template.h\"\n\n")
set(table "")
set(count 0)
foreach(path IN LISTS FILES)
    get_filename_component(name ${path} NAME)
    file(READ ${path} hex HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
    string(APPEND body "static const unsigned char file_${count}[] = {${bytes}0};\n")
    string(APPEND table "    {\"${name}\", (const char *)file_${count}},\n")
    math(EXPR count "${count} + 1")
endforeach()
string(APPEND body "\nconst struct fl_template_file fl_template_files[] = {\n${table}};\n"
    "const size_t fl_template_file_count = ${count};\n")
file(WRITE ${OUT} "${body}")
