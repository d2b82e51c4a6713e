# SPDX-License-Identifier: Apache-2.0
# Makes the string fields of a generated header `const char *`: nobody writes through a message. protoc-c can do that
# itself, but only by an import in the .proto files, which are a contract for others.
file(READ ${HEADER} text)
string(REPLACE "\n  char *" "\n  const char *" text "${text}")
file(WRITE ${HEADER} "${text}")
