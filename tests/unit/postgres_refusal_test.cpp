#include "postgres/refusal.h"

#include <gtest/gtest.h>

namespace velo::postgres {
namespace {

TEST(PostgresRefusal, TellsTheServersReasonApart) {
  const Refusal refusal = parse_refusal(
      "connection to server on socket \"/x/.s.PGSQL.5432\" failed: FATAL:  53300: sorry, too many "
      "clients already\nLOCATION:  InitProcess, proc.c:356\n");
  EXPECT_EQ(refusal.sqlstate, "53300");
  EXPECT_EQ(refusal.error.code, Errc::server);
  EXPECT_EQ(refusal.error.message,
            "connection to server on socket \"/x/.s.PGSQL.5432\" failed: FATAL:  sorry, too many "
            "clients already");
  EXPECT_EQ(refusal.error.detail, "");
  EXPECT_NE(refusal.error.hint.find("max_connections"), std::string::npos);
}

TEST(PostgresRefusal, ReadsThroughTranslationsAndKeepsDetails) {
  const Refusal refusal = parse_refusal(
      "connection failed: FATAL:  57P03: das Datenbanksystem nimmt keine Verbindungen an\n"
      "DETAIL:  Hot-Standby-Modus ist ausgeschaltet.\nLOCATION:  ProcessStartupPacket\n");
  EXPECT_EQ(refusal.sqlstate, cannot_connect_now);
  EXPECT_EQ(refusal.error.detail, "DETAIL:  Hot-Standby-Modus ist ausgeschaltet.");
}

TEST(PostgresRefusal, HasNoReasonOfTheServersWhereNobodyListens) {
  const Refusal refusal = parse_refusal(
      "connection to server on socket \"/a: b/.s.PGSQL.1\" failed: No such file or directory\n\tIs "
      "the server running locally and accepting connections on that socket?\n");
  EXPECT_EQ(refusal.sqlstate, "");
  EXPECT_EQ(refusal.error.hint, "");
  EXPECT_EQ(parse_refusal("").error.message, "the server closed the connection");
}

}  // namespace
}  // namespace velo::postgres
