#include "support/sockets.h"

#include <fstream>

#include "support/velo.h"

namespace velo::test {

// The kernel shows a line twice when sockets come and go between two pieces of a table.
std::set<std::string> listening_addresses(int port) {
  std::set<std::string> found;
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream file(table);
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) {
      const auto fields = words(line);
      const std::size_t colon = fields.at(1).rfind(':');
      const bool listens = fields.at(3) == "0A";
      if (listens && std::stoi(fields[1].substr(colon + 1), nullptr, 16) == port) {
        found.insert(fields[1].substr(0, colon));
      }
    }
  }
  return found;
}

}  // namespace velo::test
