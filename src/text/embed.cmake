# cmake -DIN=FILE -DOUT=FILE.c -DNAME=IDENTIFIER -DGZIP=PROGRAM -P embed.cmake
# Deflates a file into C arrays: NAME, its size NAME_size and the size of the
# file, NAME_len.
execute_process(COMMAND ${GZIP} -9nc ${IN} OUTPUT_FILE ${OUT}.gz
                COMMAND_ERROR_IS_FATAL ANY)
file(READ ${OUT}.gz bytes HEX)
file(SIZE ${IN} len)
string(LENGTH "${bytes}" size)
math(EXPR size "${size} / 2")
string(REGEX REPLACE "(........................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUT}
  "#include \"text/sample.h\"\n"
  "const size_t ${NAME}_size = ${size}, ${NAME}_len = ${len};\n"
  "const unsigned char ${NAME}[] = {\n${bytes}\n};\n")
