#include "postgres/scram.h"

#include <gtest/gtest.h>

namespace velo::postgres {
namespace {

// RFC 7677, section 3: password "pencil", this salt, 4096 iterations. Its exchange proves knowledge
// of these two keys.
TEST(PostgresScram, DerivesTheKeysOfTheRfcsExample) {
  const std::string salt = "\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36\xfa\x81";
  EXPECT_EQ(scram_verifier("pencil", salt, 4096).value(),
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ=="
            "$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
            "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
}

TEST(PostgresScram, SaltsEachVerifierAnew) {
  const std::string one = scram_verifier("secret").value();
  const std::string other = scram_verifier("secret").value();
  EXPECT_NE(one, other);
  EXPECT_TRUE(one.starts_with("SCRAM-SHA-256$4096:"));
  EXPECT_EQ(one.size(), other.size());
}

}  // namespace
}  // namespace velo::postgres
