# cmake -DIN=FILE -DOUT=FILE.c -P embed_file.cmake
# The bytes of the modeling file as a C array.
file(READ ${IN} bytes HEX)
file(SIZE ${IN} len)
string(REGEX REPLACE "(........................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUT}
  "#include \"prune/modeling.h\"\n"
  "const size_t hp__modeling_len = ${len};\n"
  "const unsigned char hp__modeling[] = {\n${bytes}\n};\n")
