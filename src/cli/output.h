// Where a command's words go: results to stdout, everything else to stderr.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "cli/look.h"

namespace velo::cli {

/// One stream. The sink is a descriptor in velo and a string in a test.
class Stream {
 public:
  using Sink = std::function<int(std::string_view)>;  ///< 0, or the errno of a failed write
  Stream(Sink sink, Look look) : sink_(std::move(sink)), look_(look) {}

  const Look& look() const { return look_; }
  void write(std::string_view text) {
    if (error_ == 0) error_ = sink_(text);
  }
  /// Why something written did not arrive: ENOSPC, EPIPE when the reader is gone…; 0: it all did.
  int error() const { return error_; }

 private:
  Sink sink_;
  Look look_;
  int error_ = 0;
};

/// The three standard streams, and what the user asked for them.
struct Output {
  Stream out;  ///< results
  Stream err;  ///< progress, notices, errors, questions
  bool input_is_terminal = false;
  /// A line from stdin without its end; empty at its end. Errc::interrupted after a signal.
  std::function<Result<std::optional<std::string>>()> read_line;
  bool json = false;   ///< results are one JSON document
  bool quiet = false;  ///< no progress, no notices
};

/// Of this process.
Output standard_output(const Variable& variable);

/// "Notice: text" on stderr, unless quiet.
void notice(Output& output, std::string_view text);

}  // namespace velo::cli
