# Writes OUT, a C++ source with the migrations IN (files NNN_name.sql, in the order of NNN).
list(SORT IN)
set(text "// Generated from src/catalog/schema/*.sql.\n#include \"catalog/schema.h\"\n\nnamespace velo::catalog {\nconst std::vector<std::string_view>& migrations() {\n  static const std::vector<std::string_view> all{\n")
foreach(file ${IN})
  file(READ ${file} sql)
  string(APPEND text "R\"velosql(${sql})velosql\",\n")
endforeach()
string(APPEND text "  };\n  return all;\n}\n}  // namespace velo::catalog\n")
file(WRITE ${OUT} "${text}")
