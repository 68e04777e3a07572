#include "tally.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "base/fd.h"

namespace velo::test {

Tally::Tally(const Where& where, std::string operation, std::string kind)
    : place_(where.runtime + "\t" + where.driver),
      operation_(std::move(operation)),
      kind_(std::move(kind)) {}

void Tally::count(bool happened, const Harm& harm) {
  ++points_;
  ++(happened ? finished_ : undone_);
  harm_.lost += harm.lost;
  harm_.orphans += harm.orphans;
}

Tally::~Tally() {
  if (points_ == 0) return;
  const std::string line =
      fmt::format("tally\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", place_, kind_, operation_, points_,
                  undone_, finished_, harm_.lost, harm_.orphans);
  fmt::print("{}", line);
  const char* path = std::getenv("VELO_TEST_TALLY");
  if (path == nullptr) return;
  // One write to its end: other tests write there too.
  const Fd file(::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (::write(file.get(), line.data(), line.size()) < 0)
    ADD_FAILURE() << "cannot write to " << path;
}

}  // namespace velo::test
