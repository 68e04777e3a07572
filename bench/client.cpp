#include "bench/client.h"

#include "base/text.h"

namespace velo::bench {
namespace {

struct ClearResult {
  void operator()(PGresult* result) const { PQclear(result); }
};

std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

}  // namespace

std::string Address::conninfo() const {
  return fmt::format("host={} port={} user={} password={} dbname={}", in_quotes(host), port,
                     in_quotes(user), in_quotes(password), in_quotes(database));
}

Address Address::at(int other_port) const {
  Address other = *this;
  other.port = other_port;
  return other;
}

Address Address::in(std::string other_database) const {
  Address other = *this;
  other.database = std::move(other_database);
  return other;
}

Result<Client> Client::connect(const Address& address) {
  PGconn* const connection = PQconnectdb(address.conninfo().c_str());
  Client client(connection);
  if (PQstatus(connection) == CONNECTION_OK) return client;
  return fail(Errc::server, "port {}: {}", address.port, trim(PQerrorMessage(connection)));
}

Result<std::vector<Client::Row>> Client::query(const std::string& sql) {
  const std::unique_ptr<PGresult, ClearResult> result(PQexec(connection_.get(), sql.c_str()));
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
    return fail(Errc::server, "{}: {}", sql, trim(PQerrorMessage(connection_.get())));
  }
  std::vector<Row> rows(static_cast<std::size_t>(PQntuples(result.get())));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (int column = 0; column < PQnfields(result.get()); ++column) {
      rows[i].emplace_back(PQgetvalue(result.get(), static_cast<int>(i), column));
    }
  }
  return rows;
}

Result<std::string> Client::value(const std::string& sql) {
  const std::vector<Row> rows = TRY(query(sql));
  if (rows.empty() || rows.front().empty()) return fail(Errc::server, "{}: no answer", sql);
  return rows.front().front();
}

Result<void> first_query(const Address& address) {
  Client client = TRY(Client::connect(address));
  TRY(client.value("SELECT count(*) FROM pgbench_branches"));
  return {};
}

}  // namespace velo::bench
