#include "support/sql.h"

#include <gtest/gtest.h>

namespace velo::test {
namespace {

struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Answer = std::unique_ptr<PGresult, Clear>;

bool succeeded(const Answer& answer) {
  const ExecStatusType status = PQresultStatus(answer.get());
  return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

/// A server that does not answer is a failure, not a test that never ends.
std::string with_patience(const std::string& url) {
  return url + (url.find('?') == std::string::npos ? '?' : '&') + "connect_timeout=60";
}

}  // namespace

Sql::Sql(const std::string& url) : connection_(PQconnectdb(with_patience(url).c_str())) {
  PQsetNoticeProcessor(connection_.get(), [](void*, const char*) {}, nullptr);
}

bool Sql::connected() const {
  return PQstatus(connection_.get()) == CONNECTION_OK;
}

std::string Sql::error() const {
  return PQerrorMessage(connection_.get());
}

std::vector<Sql::Row> Sql::rows(const std::string& statement) {
  const Answer answer(PQexec(connection_.get(), statement.c_str()));
  if (!succeeded(answer)) {
    ADD_FAILURE() << statement << "\n" << error();
    return {};
  }
  std::vector<Row> rows;
  for (int row = 0; row < PQntuples(answer.get()); ++row) {
    Row& cells = rows.emplace_back();
    for (int column = 0; column < PQnfields(answer.get()); ++column) {
      cells.emplace_back(PQgetvalue(answer.get(), row, column));
    }
  }
  return rows;
}

std::string Sql::value(const std::string& statement) {
  const auto all = rows(statement);
  return all.empty() || all.front().empty() ? "" : all.front().front();
}

bool Sql::try_execute(const std::string& statement) {
  const Answer answer(PQexec(connection_.get(), statement.c_str()));
  return succeeded(answer);
}

}  // namespace velo::test
