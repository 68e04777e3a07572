#include "base/secrets.h"

#include <gtest/gtest.h>

namespace velo {
namespace {

TEST(Secrets, PasswordsInUrlsAreMasked) {
  EXPECT_EQ(without_secrets("at postgresql://ann:pa:s@s@db.example:5432/x?a=b it fails"),
            "at postgresql://ann:***@db.example:5432/x?a=b it fails");
  EXPECT_EQ(without_secrets("tcp://u:p@h:1, tcp://v:q@i"), "tcp://u:***@h:1, tcp://v:***@i");
  EXPECT_EQ(without_secrets("unix:///var/run/docker.sock and http://host:80/a@b:c"),
            "unix:///var/run/docker.sock and http://host:80/a@b:c");
  EXPECT_EQ(without_secrets("ssh://ann@host"), "ssh://ann@host");
}

TEST(Secrets, NamedValuesAreMasked) {
  EXPECT_EQ(without_secrets("host=x password=secret user=y"), "host=x password=*** user=y");
  EXPECT_EQ(without_secrets("ALTER ROLE a PASSWORD 'it is' VALID"),
            "ALTER ROLE a PASSWORD *** VALID");
  EXPECT_EQ(without_secrets("sslpassword = \"a b\"; token=x,y"), "sslpassword = ***; token=***,y");
  EXPECT_EQ(without_secrets("ends with password="), "ends with password=");
}

TEST(Secrets, WordsAboutPasswordsStay) {
  for (const char* text : {"the key that passwords are derived from is there",
                           "password authentication failed for user x", "no secret here", ""}) {
    EXPECT_EQ(without_secrets(text), text);
  }
}

TEST(Secrets, PrivateKeysAreMaskedWholeOrCutOff) {
  EXPECT_EQ(without_secrets("a -----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY----- b"),
            "a *** b");
  EXPECT_EQ(without_secrets("a -----BEGIN EC PRIVATE KEY-----\nMII"), "a ***");
  EXPECT_EQ(without_secrets("-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----"),
            "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----");
}

}  // namespace
}  // namespace velo
