// Talking to a branch as its users do: libpq and the URL that Velo prints.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string>
#include <vector>

namespace velo::test {

class Sql {
 public:
  using Row = std::vector<std::string>;  ///< NULL reads as ""

  /// Connects once; whether that worked is what connected() says.
  explicit Sql(const std::string& url);

  bool connected() const;
  /// What the server or libpq said last.
  std::string error() const;

  /// A failure of the test, and no rows, when the server refuses.
  std::vector<Row> rows(const std::string& statement);
  /// The first column of the first row.
  std::string value(const std::string& statement);
  void execute(const std::string& statement) { rows(statement); }
  /// Whether it worked; never a failure of the test.
  bool try_execute(const std::string& statement);

  PGconn* handle() { return connection_.get(); }

 private:
  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };
  std::unique_ptr<PGconn, Finish> connection_;
};

}  // namespace velo::test
