# Writes the text of INPUT to OUTPUT as C++ string literals, one a line.
# Compilers limit the length of a raw string, not of adjacent ones.
file(READ ${INPUT} text)
string(REPLACE "\\" "\\\\" text "${text}")
string(REPLACE "\"" "\\\"" text "${text}")
string(REPLACE "\n" "\\n\"\n\"" text "${text}")
file(WRITE ${OUTPUT} "\"${text}\"\n")
