// A client of a server as applications are: libpq, TCP, TLS, a password.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"

namespace velo::bench {

/// Where a database is and how to get in.
struct Address {
  std::string host;
  int port = 0;
  std::string user;
  std::string password;
  std::string database;

  /// A conninfo string (libpq's key = 'value' form), which psql and pgbench understand too.
  std::string conninfo() const;
  Address at(int other_port) const;
  Address in(std::string other_database) const;
};

class Client {
 public:
  /// Connects once.
  static Result<Client> connect(const Address& address);

  using Row = std::vector<std::string>;  ///< NULL reads as ""
  Result<std::vector<Row>> query(const std::string& sql);
  /// The first column of the first row.
  Result<std::string> value(const std::string& sql);

 private:
  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };
  explicit Client(PGconn* connection) : connection_(connection) {}
  std::unique_ptr<PGconn, Finish> connection_;
};

/// Connects and asks for something of the data: the first query that a branch answers.
Result<void> first_query(const Address& address);

}  // namespace velo::bench
