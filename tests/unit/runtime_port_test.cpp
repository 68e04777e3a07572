#include "runtime/port.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/files.h"

namespace velo::runtime {
namespace {

TEST(Port, OneThatSomebodyListensOnIsInUse) {
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof name;
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&name), size), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&name), &size);
  EXPECT_EQ(check_port("127.0.0.1", ntohs(name.sin_port)).error().code, Errc::in_use);
}

TEST(Port, OneThatIsHeldIsNobodyElses) {
  // One that nobody has, by the kernel's choice.
  auto any = hold_port(0);
  ASSERT_TRUE(any && *any);
  sockaddr_in name{};
  socklen_t size = sizeof name;
  ASSERT_EQ(::getsockname((*any)->get(), reinterpret_cast<sockaddr*>(&name), &size), 0);
  const int port = ntohs(name.sin_port);
  const auto second = hold_port(port);
  ASSERT_TRUE(second);
  EXPECT_FALSE(*second);
  EXPECT_TRUE(check_port("127.0.0.1", port)) << "a server may listen there";
  any->reset();
  const auto after = hold_port(port);
  ASSERT_TRUE(after);
  EXPECT_TRUE(*after);
}

TEST(Port, AnAddressOfAnotherMachineIsTold) {
  // RFC 5737: nobody's.
  const auto elsewhere = check_address_is_here("203.0.113.9");
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().code, Errc::usage);
  EXPECT_FALSE(elsewhere.error().hint.empty());
  EXPECT_TRUE(check_address_is_here("127.0.0.1"));
  EXPECT_TRUE(check_address_is_here("0.0.0.0"));
}

TEST(Port, ALowOneTakesARight) {
  const int first =
      std::stoi(read_file("/proc/sys/net/ipv4/ip_unprivileged_port_start").value_or("1024"));
  if (first <= 80) GTEST_SKIP() << "everybody may listen on port 80 here";
  const OsUser owner = running_as_root() ? find_user("nobody").value() : current_user().value();
  const auto low = check_right_to_port(80, owner);
  ASSERT_FALSE(low);
  EXPECT_EQ(low.error().code, Errc::permission);
  EXPECT_NE(low.error().hint.find(std::to_string(first)), std::string::npos) << low.error().hint;
  EXPECT_TRUE(check_right_to_port(first, owner));
}

}  // namespace
}  // namespace velo::runtime
